#!/bin/sh
# Ingest real videos, a film cut from the samples, and the samples; draw the sheets of docs/real-video.md: `make real-video`.
# Downloads and graphs are kept in $WORK and used again; delete that folder to start over. `affinity` is in $BIN.
# $OPTIONS can hold further options of ingest.
set -eu

WORK=${WORK:-${TMPDIR:-/tmp}/affinity-real-video}
BIN=${BIN:-.venv/bin}
SHEETS=$(dirname "$0")
# Each graph has its own Neo4j, even if the shell names another one.
unset NEO4J_URI

# ingest DATA PATH…
ingest() {
    data=$1
    shift
    # shellcheck disable=SC2086 # the options are several words
    "$BIN/affinity" ingest "$@" --data "$WORK/$data" ${OPTIONS:-}
}

# show KIND SHEET DATA [OPTION…]
show() {
    kind=$1 sheet=$2 data=$3
    shift 3
    "$BIN/affinity" show "$kind" --out "$SHEETS/$sheet.jpg" --data "$WORK/$data" "$@"
}

stop() {
    for data in real film samples; do
        if [ -d "$WORK/$data" ]; then "$BIN/affinity" graph stop --data "$WORK/$data"; fi
    done
}
trap stop EXIT

BIN=$BIN sh "$SHEETS/fetch.sh" "$WORK/videos"
ingest real "$WORK/videos"
show parents real-parents real --count 5
# bikes.mp4 is not drawn: see docs/real-video.md.
for video in bigbuckbunny trailer_bbb vtest box cup; do
    if ls "$WORK/videos/$video".* >/dev/null 2>&1; then
        show tracks "real-$video" real --video "$video" --count 60 --by thing
    fi
done

"$BIN/python" -m benchmarks.films "$WORK/films"
ingest film "$WORK/films/film-0.mp4" --same-video shot
show tracks film-tracks film --count 24 --by shot
show children film-children film --count 12

ingest samples samples/videos
show patches samples-patches samples --count 15
show tracks samples-tracks samples --count 12
show tracks samples-parade samples --video parade --count 60 --by thing
show children samples-children samples --count 12
show parents samples-parents samples --count 7
ls -l "$SHEETS"
