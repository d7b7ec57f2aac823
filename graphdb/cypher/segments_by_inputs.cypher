// The segments of INTER edges that are already computed from these inputs, and the copies that were found with them.
UNWIND $inputs AS inputs
MATCH (g:Segment {inputs: inputs})
CALL (g) {
  MATCH (a:Video)-[copy:COPY {segment: g.id}]->(b:Video)
  RETURN collect([a.id, b.id, copy.similarity]) AS copies
}
RETURN g.inputs AS inputs, g.id AS id, copies
