"""What the service counts about itself, for Prometheus.

With several workers each counts in files of the folder PROMETHEUS_MULTIPROC_DIR, and whichever is asked adds up all of
them; the folder must be set before this module is imported.
"""

from __future__ import annotations

import os
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
)
from prometheus_client.exposition import generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

MEDIA_TYPE = CONTENT_TYPE_LATEST
FOLDER = "PROMETHEUS_MULTIPROC_DIR"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
disable_created_metrics()  # type: ignore[no-untyped-call] # a series more for each, which says when it began
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}

REQUESTS = Counter("affinity_requests", "Requests answered.", ["route", "method", "status"])
LATENCY = Histogram("affinity_request_seconds", "From a request to the end of its answer.", ["route"], buckets=SECONDS)
SENT = Counter("affinity_sent_bytes", "Bytes of answers, without their headers.", ["route"])
IN_FLIGHT = Gauge("affinity_requests_in_flight", "Requests being answered.", multiprocess_mode="livesum")
ERRORS = Counter("affinity_errors", "Requests refused or failed, by the name of the problem.", ["type"])
ROWS = Counter("affinity_rows", "Triplets that were handed out.")
WINDOWS = Counter("affinity_windows", "What was looked for among the windows kept in memory.", ["result"])
GRAPH = Histogram("affinity_graph_seconds", "Calls on Neo4j, with the reading of their rows.", buckets=SECONDS)
WORKERS = Gauge("affinity_workers", "Processes that answer.", multiprocess_mode="livesum")


def page() -> bytes:
    """All of it as Prometheus reads it, over all workers."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    drop_dead_workers(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def drop_dead_workers(folder: Path) -> None:
    """Drop the gauges of workers that died: what they were doing is not done any more. Their counts stay."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def method_of(method: str) -> str:
    """A label, of which there must be few whatever clients send."""
    return method if method in METHODS else "other"
