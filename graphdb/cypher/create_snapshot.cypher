// A snapshot under construction: nobody sees it before it is published.
MERGE (s:Snapshot {id: $id})
ON CREATE SET s.created = datetime(), s.fit = $fit, s.frames = $frames, s.settings = $settings
RETURN s.published IS NOT NULL AS published
