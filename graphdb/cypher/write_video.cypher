// A video, as it was mined last.
MERGE (v:Video {id: $video.id})
SET v += $video
