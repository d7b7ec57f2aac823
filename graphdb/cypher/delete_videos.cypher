// Delete videos that have no patches and no segments.
UNWIND $videos AS id
MATCH (v:Video {id: id})
WHERE NOT EXISTS { (v)<-[:FROM]-() } AND NOT EXISTS { (v)<-[:OF]-() }
DETACH DELETE v
