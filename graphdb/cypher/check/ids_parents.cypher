// The id of a parent consists of its cluster model and its number.
MATCH (p:Parent)
WITH p, split(p.id, '-') AS parts
WHERE NOT coalesce(size(parts) = 2 AND parts[0] = p.fit AND toInteger(parts[1]) = p.number, false)
WITH p.id AS example
LIMIT $most
RETURN count(*) AS count, collect(example)[..3] AS examples
