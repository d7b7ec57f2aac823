// The versions of INTER edges that were already computed from these inputs.
UNWIND $inputs AS inputs
MATCH (g:Segment {inputs: inputs})
RETURN g.inputs AS inputs, g.id AS id
