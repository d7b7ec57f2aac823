// The centroid fits that have placed starts.
MATCH (p:Parent)
WHERE p.fit IS NOT NULL
RETURN DISTINCT p.fit AS fit
ORDER BY fit
