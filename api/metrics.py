"""The metrics of the service, for Prometheus.

Several workers count in files of the folder PROMETHEUS_MULTIPROC_DIR, and the worker that answers /metrics adds them
up. The folder must be set before this module is imported.
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
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)
"""Upper bounds of the buckets of times, in seconds."""
METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
# Without this, each metric has a second series with the time of its creation.
disable_created_metrics()  # type: ignore[no-untyped-call]

REQUESTS = Counter("affinity_requests", "Requests that were answered.", ["route", "method", "status"])
LATENCY = Histogram("affinity_request_seconds", "From a request to the end of its answer.", ["route"], buckets=BUCKETS)
SENT = Counter("affinity_sent_bytes", "Bytes of answers, without their headers.", ["route"])
IN_FLIGHT = Gauge("affinity_requests_in_flight", "Requests that are being answered.", multiprocess_mode="livesum")
ERRORS = Counter("affinity_errors", "Requests that were refused or failed, by the name of the problem.", ["type"])
ROWS = Counter("affinity_rows", "Triplets that were requested.")
WINDOWS = Counter("affinity_windows", "Look-ups in the cache of windows.", ["result"])
GRAPH = Histogram("affinity_graph_seconds", "Calls to Neo4j, with the reading of their rows.", buckets=BUCKETS)
WORKERS = Gauge("affinity_workers", "Processes that answer requests.", multiprocess_mode="livesum")


def page() -> bytes:
    """Return all metrics, over all workers, in the format of Prometheus."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return generate_latest(REGISTRY)
    drop_dead_workers(Path(folder))
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)


def drop_dead_workers(folder: Path) -> None:
    """Remove the gauges of workers that died. Their counters stay."""
    for pid in {int(file.stem.rpartition("_")[2]) for file in folder.glob("gauge_live*_*.db")}:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            mark_process_dead(pid)  # type: ignore[no-untyped-call]


def method_label(method: str) -> str:
    """Return the label of a method. Clients can send any name, but a metric must have few labels."""
    return method if method in METHODS else "other"
