"""Frames a second of mining, including decoding, compared with decoding alone."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import av

from benchmarks.rates import interleaved_rates, print_rates
from ingest.miner import mine_video
from ingest.settings import MiningSettings


def decode(path: Path) -> float:
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        return float(sum(1 for _ in container.decode(video=0)))


def mine(path: Path) -> float:
    return float(mine_video(path, MiningSettings()).frames)


def test_mining_compared_with_decoding_alone(bikes: Path, clips: list[Path]) -> None:
    videos = {"bikes (640×272)": bikes, f"sample ({clips[0].name})": clips[0]}
    bunny = bikes.with_name("bigbuckbunny.mp4")
    for name, path in (videos | {"bunny (1280×720)": bunny}).items():
        rates = interleaved_rates({"decoding alone": partial(decode, path), "mining": partial(mine, path)})
        print_rates(f"Mining {name}, one core", "frames/s", rates, base="decoding alone")


def test_sizes_of_the_tracked_region(clips: list[Path]) -> None:
    def mine_at(side: int) -> float:
        return float(mine_video(clips[0], MiningSettings(region_side=side)).frames)

    rates = interleaved_rates({f"{side} pixels": partial(mine_at, side) for side in (48, MiningSettings().region_side)})
    print_rates(f"Mining {clips[0].name}, region tracked at", "frames/s", rates, base="48 pixels")
