"""A training on the toy service, run as one of the ranks that the environment describes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from tests.conftest import ROOT, SAMPLES, free_port
from tests.unit.trainer.toy_service import ToyService
from trainer.command import find_snapshot
from trainer.distributed.ranks import broadcast, join_ranks
from trainer.loop.train import train
from trainer.runs.progress import NullProgress
from trainer.runs.run import Run
from trainer.settings import ObjectiveName, RuntimeSettings, TrainSettings

SETTINGS = TrainSettings(
    # On CPUs, batch normalization sees the images of its own rank only: VGG11 has none.
    snapshot="toy",
    trunk="vgg11",
    image_size=32,
    head="32,16",
    lr=0.01,
    augment="mirror",
    # 15 images a batch: two ranks cannot share them equally.
    batch=5,
    loss="infonce",
    symmetric=True,
    queue=20,
    steps=4,
)
RUNTIME = RuntimeSettings(device="cpu", threads=1, loader_threads=1)


OTHERS: dict[str, dict[str, Any]] = {
    "transitive": {},
    "supervised": {"images": str(SAMPLES / "heldout"), "snapshot": "latest"},
    "tracking": {"mix": "intra:1"},
    "context": {},
    "multitask": {"mix": "intra:1"},
}
"""Further settings of each objective."""


def train_steps(folder: Path, steps: int, objective: ObjectiveName = "transitive") -> None:
    """Train the run in the folder up to this step, on the ranks of the environment."""
    settings = replace(SETTINGS, steps=steps, objective=objective, **OTHERS[objective])
    run = Run(folder)
    with join_ranks() as shard:
        if shard.is_main:
            folder.mkdir(exist_ok=True)
            run.write(settings, find_snapshot(ToyService(), settings), RUNTIME)
        broadcast(None, shard)
        train(run, settings, RUNTIME, ToyService(), NullProgress(steps), threading.Event(), shard)


def train_on_ranks(folder: Path, steps: int, world: int, objective: ObjectiveName = "transitive") -> None:
    """Do the same in `world` processes."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.trainer.ranked", str(folder), str(steps), objective],
            cwd=ROOT,
            env={
                **os.environ,
                "RANK": str(rank),
                "WORLD_SIZE": str(world),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
            },
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    ended = [(process.communicate(timeout=300)[1], process.returncode) for process in processes]
    assert [code for _, code in ended] == world * [0], ended


if __name__ == "__main__":
    train_steps(Path(sys.argv[1]), int(sys.argv[2]), cast(ObjectiveName, sys.argv[3]))
