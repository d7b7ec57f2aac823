// Pairs of videos that show the same footage, each from the lower id to the higher.
UNWIND $copies AS copy
MATCH (a:Video {id: copy[0]})
MATCH (b:Video {id: copy[1]})
CREATE (a)-[:COPY {segment: $segment, similarity: copy[2]}]->(b)
