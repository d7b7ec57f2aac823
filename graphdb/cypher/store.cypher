// The id of this graph's store, if it has one.
MATCH (s:Store {name: 'affinity-graph'})
RETURN s.id AS id
