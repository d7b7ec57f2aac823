// Reserve consecutive keys, in the transaction that writes the segment.
MERGE (c:Counter {kind: $kind})
ON CREATE SET c.next = 0
WITH c, c.next AS first
SET c.next = first + $count
RETURN first
