"""Memory and CPU time of processes, independent of the machine's other load."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import psutil

KIB_PER_MIB = 1024
INTERVAL = 0.5
"""Seconds between two samples."""


class ProcessSampler(ABC):
    """Calls `sample` twice a second while entered."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    @abstractmethod
    def sample(self) -> None: ...

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._done.wait(INTERVAL):
            self.sample()


class PeakMemory(ProcessSampler):
    """The peak of anonymous memory in MiB while entered, of this process and its children.

    Pages of files are not counted: the system keeps them in memory only as long as there is room.
    """

    def __init__(self) -> None:
        super().__init__()
        self.total = 0.0
        self.largest = 0.0
        """The peak of the largest process."""

    def sample(self) -> None:
        me = psutil.Process()
        sizes = [anonymous_mib(process) for process in (me, *me.children(recursive=True))]
        self.total, self.largest = max(self.total, sum(sizes)), max(self.largest, *sizes)


def anonymous_mib(process: psutil.Process) -> float:
    """Return the proportional share of anonymous and shared memory in MiB; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return (sizes["Pss_Anon"] + sizes["Pss_Shmem"]) / KIB_PER_MIB


def cpu_seconds(*processes: psutil.Process) -> float:
    """Return the CPU time of these processes and of their children that have ended."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)
