"""How the network's threads wait for each other."""

from __future__ import annotations

import os


def share_cores() -> None:
    """Let idle threads sleep rather than spin; to be called before torch is imported, which reads this once.

    Neo4j and the service may live on the same cores. Threads that spin there take the time of those they wait for:
    with two busy cores, training took four times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
