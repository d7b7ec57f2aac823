"""Measure the whole demo: the time of each stage, and the peak memory of each kind of process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import psutil

from benchmarks.memory import ProcessSampler
from tests.conftest import ROOT, SETTINGS

MEBI = 2**20
MAX_MEBIBYTES = {"neo4j": 2048, "ingest": 512, "ingest worker": 512, "serve": 768, "train": 3072, "evaluate": 2048}
"""Maximum MiB for each kind of process on the samples. The benchmark fails if one needs more."""


class Peaks(ProcessSampler):
    """Record the peak memory (proportional set size) of each kind of process while the context is active."""

    def __init__(self, data: Path) -> None:
        super().__init__()
        self.mebi: dict[str, float] = defaultdict(float)
        self.total = 0.0
        self._data = str(data)

    def sample(self) -> None:
        sizes = [size for process in psutil.process_iter() if (size := self._size(process))]
        for kind, mebi in sizes:
            self.mebi[kind] = max(self.mebi[kind], mebi)
        self.total = max(self.total, sum(mebi for _, mebi in sizes))

    def _size(self, process: psutil.Process) -> tuple[str, float] | None:
        try:
            kind = self._kind(process)
            return (kind, process.memory_full_info().pss / MEBI) if kind else None
        except psutil.Error:
            return None

    def _kind(self, process: psutil.Process) -> str | None:
        words = process.cmdline()
        if any("spawn_main" in word for word in words):
            parent = process.parent()
            return "ingest worker" if parent and self._data in parent.cmdline() else None
        if not any(self._data in word for word in words):
            return None
        if "affinity" in words:
            return words[words.index("affinity") + 1]
        return "neo4j" if any(word.startswith("org.neo4j") for word in words) else None


def test_seconds_and_memory(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    with Peaks(data) as peaks:
        done = subprocess.run(
            [sys.executable, "-m", "affinity", "demo", "--data", str(data)],
            cwd=ROOT, env=kept, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    print("\nThe demo with an empty data folder; jars and the startup archive are in the cache")
    print("\n".join(line for line in done.stdout.splitlines() if line.startswith("  seconds")))
    for kind, mebi in sorted(peaks.mebi.items(), key=lambda item: -item[1]):
        print(f"  {kind:<16} {mebi:>7,.0f} MiB at the peak")
    print(f"  {'all processes':<16} {peaks.total:>7,.0f} MiB at the peak")
    assert {kind: mebi for kind, mebi in peaks.mebi.items() if mebi > MAX_MEBIBYTES.get(kind, 512)} == {}
    assert set(MAX_MEBIBYTES) <= set(peaks.mebi)
