// The id that graph and data folder share. The first command that runs this sets it.
MERGE (s:Store {name: 'affinity-graph'})
ON CREATE SET s.id = $id, s.created = datetime()
RETURN s.id AS id
