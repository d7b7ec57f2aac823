// Create a snapshot, which is invisible until it is published. A snapshot that has ended is created again.
MERGE (s:Snapshot {id: $id})
ON CREATE SET s.created = datetime(), s.fit = $fit, s.frames = $frames, s.settings = $settings
FOREACH (_ IN CASE WHEN s.ended IS NULL THEN [] ELSE [1] END | REMOVE s.ended, s.successor, s.published, s.place)
SET s.recipe = coalesce($recipe, s.recipe)
RETURN s.published IS NOT NULL AS published
