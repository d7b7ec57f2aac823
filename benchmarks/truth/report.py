"""Print what mining finds in clips with several things and in clips without one: `--help` names the options.

python -m benchmarks.truth.report --motion things --split tuning --groups 10 --decoys 1 --keep /tmp/clips
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

from benchmarks.truth.decoys.kinds import HEAD, KINDS, DecoyScore, score_decoys, write_decoy
from benchmarks.truth.photos import Split
from benchmarks.truth.several.groups import groups
from benchmarks.truth.several.score import Miner, score_group
from benchmarks.truth.several.table import GroupTotal
from ingest.miner import mine_video
from ingest.settings import MiningSettings


def main() -> None:
    options = parse_options()
    mine = partial(mine_video, settings=replace(MiningSettings(), motion=options.motion))
    with TemporaryDirectory() as folder:
        clips = options.keep or Path(folder)
        clips.mkdir(parents=True, exist_ok=True)
        began = process_time()
        report_groups(options.split, options.groups, mine, clips)
        report_decoys(options.split, options.decoys, mine, clips, options.kinds)
        print(f"{process_time() - began:.0f} CPU seconds, drawing and encoding included")


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--motion", default="flow", choices=("flow", "trajectories", "things"))
    parser.add_argument("--split", default="tuning", choices=("tuning", "test"))
    parser.add_argument("--groups", type=int, default=0, help="clips with several things (default %(default)s)")
    parser.add_argument("--decoys", type=int, default=0, help="clips of each kind with no thing (default %(default)s)")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS), help="kinds of clips with no thing (default all)")
    parser.add_argument("--keep", type=Path, help="folder in which clips are kept, and used again")
    return parser.parse_args()


def report_groups(split: Split, count: int, mine: Miner, folder: Path) -> GroupTotal:
    """Print a line for each clip with several things, and one for all of them."""
    print(*GroupTotal.head(), sep="\n")
    scored = []
    for number, scene in enumerate(groups(split, count)):
        path = folder / f"group-{split}-{number}.mp4"
        scored.append(score_group(scene, path if path.exists() else scene.write(path), mine))
        print(GroupTotal.of(scored[-1:]).line(scene.name), flush=True)
    total = GroupTotal.of(scored)
    print(total.line("all"))
    return total


def report_decoys(split: Split, count: int, mine: Miner, folder: Path, kinds: list[str]) -> list[DecoyScore]:
    """Print a line for each kind of clips without a thing."""
    print(*HEAD, sep="\n")
    scored = []
    for kind in kinds if count else []:
        paths = [folder / f"{kind.replace(' ', '-')}-{split}-{number}.mp4" for number in range(count)]
        for number, path in enumerate(paths):
            if not path.exists():
                write_decoy(path, kind, split, number)
        scored.append(score_decoys(kind, paths, mine))
        print(scored[-1].line(), flush=True)
    return scored


if __name__ == "__main__":
    main()
