// The cluster models that have assigned starts.
MATCH (p:Parent)
WHERE p.fit IS NOT NULL
RETURN DISTINCT p.fit AS fit
ORDER BY fit
