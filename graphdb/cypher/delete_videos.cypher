// Delete videos that nothing is left of.
UNWIND $videos AS id
MATCH (v:Video {id: id})
WHERE NOT EXISTS { (v)<-[:FROM]-() } AND NOT EXISTS { (v)<-[:OF]-() }
DETACH DELETE v
