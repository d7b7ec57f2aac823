// The side of crops that are not of this one, where some video has such.
MATCH (v:Video)
WHERE v.crop <> $crop
RETURN v.crop AS crop
LIMIT 1
