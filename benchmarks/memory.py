"""Memory and processor time that processes have for themselves, whatever else the machine does."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Self

import psutil

KIBI_IN_MEBI = 1024
EVERY_SECONDS = 0.5


class Watch(ABC):
    """Looks at processes twice a second, while entered."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    @abstractmethod
    def look(self) -> None: ...

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(EVERY_SECONDS):
            self.look()


class Anonymous(Watch):
    """The peaks of anonymous memory in MiB, while entered: of all processes together, and of the largest one.

    Pages of files are not counted: the system keeps those of a fast disk in memory as long as nobody wants the room.
    """

    def __init__(self) -> None:
        super().__init__()
        self.together = 0.0
        self.one = 0.0

    def look(self) -> None:
        me = psutil.Process()
        sizes = [anonymous(process) for process in (me, *me.children(recursive=True))]
        self.together, self.one = max(self.together, sum(sizes)), max(self.one, *sizes)


def anonymous(process: psutil.Process) -> float:
    """Proportional share of anonymous and shared memory, MiB; nothing of a process that has ended."""
    try:
        lines = Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0.0
    sizes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return (sizes["Pss_Anon"] + sizes["Pss_Shmem"]) / KIBI_IN_MEBI


def processor_seconds(*processes: psutil.Process) -> float:
    """What these processes have used of all cores, with their children that have ended."""
    times = [process.cpu_times() for process in processes]
    return sum(each.user + each.system + each.children_user + each.children_system for each in times)
