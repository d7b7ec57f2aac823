// Test whether the graph answers.
RETURN 1 AS one
