"""TripletClient: pulls batches from the service over HTTP. Needs numpy, pyarrow and urllib3 only."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, TypeVar
from urllib.parse import quote

import numpy as np
import urllib3

from api.client.errors import AddressError, ServiceError, ServiceUnavailable, request_note
from api.wire.arrow import MEDIA_TYPE
from api.wire.errors import WireError, WireVersionError
from api.wire.frames import FrameBatch, decode_frames
from api.wire.triplets import TripletBatch, decode_triplets

log = logging.getLogger(__name__)

CHUNK = 2**16
"""Bytes of a body that are read at a time. Each larger chunk would need new pages of memory."""
FIRST_PAUSE = 0.2
"""Seconds before the first retry. Each further pause is twice as long, up to LONGEST_PAUSE."""
LONGEST_PAUSE = 15.0
MAX_CONNECT = 5.0
"""Seconds to wait for a connection, at most."""
MAX_REDIRECTS = 3
CONNECTIONS = 16
"""Connections that are kept open."""

Answer = TypeVar("Answer")
Batch = TypeVar("Batch", TripletBatch, FrameBatch)


class TripletClient:
    """A client of the triplet service at `url`. Threads may share it.

    Every answer is whole, or an error is raised. Failures that may pass (no connection, HTTP 429 and 5xx, a body that
    is short or does not match its digest) are retried after growing, jittered pauses, for `patience` seconds.
    `timeout` bounds each wait for data, in seconds; an answer that arrives very slowly may take both times together.
    Raises AddressError if `url` does not begin with http:// or https://.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout: float = 30.0, patience: float = 600.0) -> None:
        self.url = _require_address(url)
        self.patience = patience
        self._timeout = timeout
        self._closed = threading.Event()
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # `_get` retries whole answers. urllib3 follows redirects only: its own retries end before the body.
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=MAX_REDIRECTS),
            timeout=urllib3.Timeout(connect=min(timeout, MAX_CONNECT), read=timeout),
        )

    def snapshots(self) -> list[dict[str, Any]]:
        """List the published snapshots, newest first. Raises ServiceError and ServiceUnavailable, as every method."""
        snapshots: list[dict[str, Any]] = self._get("/v1/snapshots", _read_json)["snapshots"]
        return snapshots

    def snapshot(self, id: str = "latest") -> dict[str, Any]:
        """Return one snapshot: its id, counts and settings."""
        snapshot: dict[str, Any] = self._get(f"/v1/snapshots/{quote(id, safe='')}", _read_json)
        return snapshot

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch:
        """Return the triplets at positions `[position, position + count)` of the seeded order: always the same."""
        query = {"seed": seed, "mix": mix, "negatives": negatives, "position": position, "count": count}
        return self._get_batch(snapshot, "triplets", query, decode_triplets)

    def frames(self, snapshot: str, *, seed: int, position: int, count: int) -> FrameBatch:
        """Return the frames at positions `[position, position + count)` of their seeded order: always the same."""
        return self._get_batch(snapshot, "frames", {"seed": seed, "position": position, "count": count}, decode_frames)

    def close(self) -> None:
        """Close the connections, and end the pauses of threads that are about to retry."""
        self._closed.set()
        self._pool.clear()

    def __enter__(self) -> TripletClient:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _get_batch(self, snapshot: str, name: str, query: Mapping[str, Any], decode: Callable[[bytes], Batch]) -> Batch:
        def read(body: bytes) -> Batch:
            batch = decode(body)
            _require_answer_to(batch, snapshot, query)
            return batch

        return self._get(f"/v1/snapshots/{quote(snapshot, safe='')}/{name}", read, query, MEDIA_TYPE)

    def _get(
        self,
        path: str,
        read: Callable[[bytes], Answer],
        query: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Answer:
        """Request the path until `read` accepts the body, or the patience ends."""
        url = f"{self.url}{path}"
        begun = time.monotonic()
        until = begun + self.patience + self._timeout
        pause = FIRST_PAUSE
        while True:
            try:
                return read(self._request(url, query, accept, until))
            except WireVersionError:
                raise
            except (_Retryable, WireError, urllib3.exceptions.HTTPError) as error:
                waited = time.monotonic() - begun
                wait = max(pause * random.uniform(0.5, 1.0), getattr(error, "after", 0.0))
                if self._closed.is_set() or waited + wait > self.patience:
                    raise ServiceUnavailable(url, waited, _short_reason(error)) from error
                log.warning("No whole answer from %s (%s); trying again in %.1f s", url, _short_reason(error), wait)
                self._closed.wait(wait)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _request(self, url: str, query: Mapping[str, Any] | None, accept: str, until: float) -> bytes:
        """Send one request and return the body of its answer. Raises _Retryable and ServiceError."""
        headers = {"Accept": accept, **self._headers}
        response = self._pool.request("GET", url, fields=dict(query or {}), headers=headers, preload_content=False)
        body = _read_body(response, until)
        if response.status == 200:
            return body
        problem = _read_problem(body)
        if response.status == 429 or response.status >= 500:
            reason = f"HTTP {response.status}: {problem.get('detail', response.reason)}{request_note(problem)}"
            raise _Retryable(reason, _retry_after_seconds(response.headers.get("Retry-After")))
        raise ServiceError(url, response.status, problem)


class _Retryable(Exception):
    """A request failed, but a retry may succeed. `after` is the pause that the service asks for, in seconds."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        self.after = after
        super().__init__(reason)


def _read_body(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """Read the whole body. Raises _Retryable if it does not end before `until`."""
    chunks = []
    try:
        while chunk := response.read1(CHUNK):
            chunks.append(chunk)
            if time.monotonic() > until:
                raise _Retryable(f"only {sum(map(len, chunks))} bytes of the answer arrived in time")
        response.release_conn()
    except BaseException:
        response.close()  # the rest of this body must not be read as the next answer
        raise
    return b"".join(chunks)


def _short_reason(error: Exception) -> str:
    """Describe an error without the names of pools and objects that urllib3 adds."""
    if not isinstance(error, urllib3.exceptions.HTTPError):
        return str(error)
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error.__cause__, OSError) and error.__cause__.strerror:
        return error.__cause__.strerror.lower()
    return str(error.args[0] if error.args else type(error).__name__).rpartition(": ")[2].rstrip(".").lower()


def _require_address(url: str) -> str:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise AddressError(url) from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise AddressError(url)
    return url.rstrip("/")


def _require_answer_to(batch: TripletBatch | FrameBatch, snapshot: str, query: Mapping[str, Any]) -> None:
    """Raise WireError if the batch answers another request: a proxy may mix up two answers."""
    position, count = query["position"], query["count"]
    if not np.array_equal(batch.position, np.arange(position, position + count)):
        raise WireError(f"The body does not hold the positions {position} to {position + count - 1}.")
    # The service may write an equal mix in another way.
    is_same_query = all(batch.query.get(name) == query[name] for name in query if name != "mix")
    if snapshot not in (batch.snapshot, "latest") or not is_same_query:
        raise WireError(f"The body answers another request, to snapshot {batch.snapshot}: {dict(batch.query)}.")


def _read_json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _Retryable(f"the answer is not JSON ({error})") from error


def _read_problem(body: bytes) -> Mapping[str, Any]:
    """Return the problem details in an answer, or an empty mapping if the answer is not the service's."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _retry_after_seconds(header: str | None) -> float:
    """Read a Retry-After header: seconds or a date. Any other value means 0."""
    if not header:
        return 0.0
    try:
        return max(0.0, float(header))  # "nan" gives 0, too
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
