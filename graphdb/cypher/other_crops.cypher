// A size of patch images that is not this one, if some video has one.
MATCH (v:Video)
WHERE v.crop <> $crop
RETURN v.crop AS crop
LIMIT 1
