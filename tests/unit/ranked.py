"""A training on the toy service, as one of the ranks that the environment tells of: for the tests of ranks."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.conftest import ROOT, SAMPLES, free_port
from tests.unit.toy_service import ToyService
from trainer.command import find_snapshot
from trainer.progress import Silence
from trainer.ranks import from_first, join_ranks
from trainer.run import Run
from trainer.settings import Machine, TrainSettings
from trainer.train import train

SETTINGS = TrainSettings(
    # Batch normalization sees its own rank's images only, on CPUs: VGG11 has none.
    snapshot="toy",
    trunk="vgg11",
    image_size=32,
    head="32,16",
    lr=0.01,
    augment="mirror",
    # 15 images a batch: they do not go up in two ranks.
    batch=5,
    loss="infonce",
    sides="both",
    queue=20,
    steps=4,
)
MACHINE = Machine(device="cpu", threads=1, loaders=1)


OTHERS: dict[str, dict[str, Any]] = {
    "transitive": {},
    "supervised": {"images": str(SAMPLES / "heldout"), "snapshot": "latest"},
    "tracking": {"mix": "intra:1"},
    "context": {},
    "multitask": {"mix": "intra:1"},
}
"""What each objective is trained with beside these."""


def train_steps(folder: Path, steps: int, objective: str = "transitive") -> None:
    """Train the run in the folder to this step, with the ranks there are."""
    settings = replace(SETTINGS, steps=steps, objective=objective, **OTHERS[objective])
    run = Run(folder)
    with join_ranks() as part:
        if part.first:
            folder.mkdir(exist_ok=True)
            run.write(settings, find_snapshot(ToyService(), settings), MACHINE)
        from_first(None, part)
        train(run, settings, MACHINE, ToyService(), Silence(steps), threading.Event(), part)


def train_on_ranks(folder: Path, steps: int, world: int, objective: str = "transitive") -> None:
    """The same in as many processes."""
    port = str(free_port())
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.unit.ranked", str(folder), str(steps), objective],
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
    train_steps(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
