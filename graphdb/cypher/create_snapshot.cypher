// A snapshot under construction: nobody sees it before it is published. One that has ended begins anew.
MERGE (s:Snapshot {id: $id})
ON CREATE SET s.created = datetime(), s.fit = $fit, s.frames = $frames, s.settings = $settings
FOREACH (_ IN CASE WHEN s.ended IS NULL THEN [] ELSE [1] END | REMOVE s.ended, s.successor, s.published, s.place)
SET s.recipe = coalesce($recipe, s.recipe)
RETURN s.published IS NOT NULL AS published
