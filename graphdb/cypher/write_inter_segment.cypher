// One version of one parent's INTER edges, as a range of keys.
MATCH (p:Parent {id: $parent})
CREATE (g:Segment {id: $id, kind: 'inter', first: $first, count: $count, inputs: $inputs})
CREATE (g)-[:OF]->(p)
