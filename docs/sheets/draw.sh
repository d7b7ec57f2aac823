#!/bin/sh
# Ingest five real videos and the samples, and draw the contact sheets of docs/real-video.md: `make real-video`.
# Downloads and graphs are kept in $WORK and used again; delete that folder to start over. `affinity` is in $BIN.
set -eu

WORK=${WORK:-${TMPDIR:-/tmp}/affinity-real-video}
BIN=${BIN:-.venv/bin}
SHEETS=$(dirname "$0")
# Each graph has its own Neo4j, even if the shell names another one.
unset NEO4J_URI

# show KIND SHEET DATA [OPTION…]
show() {
    kind=$1 sheet=$2 data=$3
    shift 3
    "$BIN/affinity" show "$kind" --out "$SHEETS/$sheet.jpg" --data "$WORK/$data" "$@"
}

stop() {
    for data in real samples; do
        if [ -d "$WORK/$data" ]; then "$BIN/affinity" graph stop --data "$WORK/$data"; fi
    done
}
trap stop EXIT

BIN=$BIN sh "$SHEETS/fetch.sh" "$WORK/videos"
"$BIN/affinity" ingest "$WORK/videos" --data "$WORK/real"
show patches real-patches real --count 15
show parents real-parents real --count 5
# bikes.mp4 is not drawn: see docs/real-video.md.
for video in bigbuckbunny vtest box cup; do
    if ls "$WORK/videos/$video".* >/dev/null 2>&1; then show tracks "real-$video" real --video "$video"; fi
done

"$BIN/affinity" ingest samples/videos --data "$WORK/samples"
show patches samples-patches samples --count 15
show tracks samples-tracks samples --count 12
show children samples-children samples --count 12
show parents samples-parents samples --count 7
ls -l "$SHEETS"
