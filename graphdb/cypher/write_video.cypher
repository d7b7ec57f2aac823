// A video, with the settings that it was last mined with.
MERGE (v:Video {id: $video.id})
SET v += $video
