"""CPU threads of the network."""

from __future__ import annotations

import os


def share_cores() -> None:
    """Let idle threads sleep instead of spin. Call this before torch is imported, which reads the setting once.

    Neo4j and the service may run on the same cores. Spinning threads take their time: with two busy cores, training
    took four times as long.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
