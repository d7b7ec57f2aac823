"""TripletClient: what a trainer or a notebook pulls batches with. Needs numpy, pyarrow and urllib3 only.

Errors:

Exception
  x AddressError           what was given as the service's address is none
  x ServiceError           the service refuses the request; asking again would not help
  x ServiceUnavailable     no whole answer came in as long as the client is patient
"""

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

from api.wire import frames as frame_wire
from api.wire import triplets as triplet_wire
from api.wire.frames import FrameBatch
from api.wire.triplets import TripletBatch, WireError, WireVersionError

log = logging.getLogger(__name__)

PIECE = 2**16
"""Bytes of a body that are read at a time: of larger ones, each costs pages of memory that are fresh."""
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 15.0
MAX_CONNECT = 5.0
MAX_REDIRECTS = 3
CONNECTIONS = 16

Answer = TypeVar("Answer")
Batch = TypeVar("Batch", TripletBatch, FrameBatch)


class AddressError(Exception):
    """What was given as the service's address is none."""

    def __init__(self, url: str) -> None:
        self.url = url
        super().__init__(f"{url!r} is not the address of a triplet service: one looks like http://127.0.0.1:8477.")


class ServiceError(Exception):
    """The service refuses the request. Carries the problem details (RFC 9457) that it answered with."""

    def __init__(self, url: str, status: int, problem: Mapping[str, Any]) -> None:
        self.url = url
        self.status = status
        self.problem = dict(problem)
        self.type: str = problem.get("type", "about:blank")
        self.title: str = problem.get("title", f"HTTP status {status}")
        self.detail: str = problem.get("detail", "")
        said = f"{self.title}: {self.detail}" if self.detail else f"{self.title}, from {url}"
        super().__init__(said + _request(problem))


class ServiceUnavailable(Exception):
    """No whole answer came. `waited` is in seconds; the last failure is the cause."""

    def __init__(self, url: str, waited: float, reason: str) -> None:
        self.url = url
        self.waited = waited
        super().__init__(
            f"The triplet service gave no whole answer to {url} in {waited:.0f} s; the last try: {reason}. "
            "Check that `affinity serve` runs and that the address is right."
        )


class _TryAgain(Exception):
    """One try failed in a way that another may not; `after` is how long the service asks to wait, in seconds."""

    def __init__(self, reason: str, after: float = 0.0) -> None:
        self.after = after
        super().__init__(reason)


class TripletClient:
    """A triplet service at `url`. Threads may share it.

    Every answer is whole or an error. What may pass (no connection, HTTP 429 and 5xx, a short body, a digest that
    does not match) is tried again, with growing and jittered pauses, until `patience` seconds are over. `timeout`
    bounds each wait for the service, in seconds; an answer that comes in drops is waited for until both are over.
    Raises AddressError where `url` is not http:// or https://.
    """

    def __init__(self, url: str, *, api_key: str | None = None, timeout: float = 30.0, patience: float = 600.0) -> None:
        self.url = _address(url)
        self.patience = patience
        self._timeout = timeout
        self._closed = threading.Event()
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        # The loop below retries whole answers; urllib3 would retry only what happens before the body.
        self._pool = urllib3.PoolManager(
            maxsize=CONNECTIONS,
            retries=urllib3.Retry(total=None, connect=0, read=0, status=0, other=0, redirect=MAX_REDIRECTS),
            timeout=urllib3.Timeout(connect=min(timeout, MAX_CONNECT), read=timeout),
        )

    def snapshots(self) -> list[dict[str, Any]]:
        """What is published, newest first. Raises ServiceError and ServiceUnavailable, as every method does."""
        listed: list[dict[str, Any]] = self._get("/v1/snapshots", _json)["snapshots"]
        return listed

    def snapshot(self, id: str = "latest") -> dict[str, Any]:
        """One snapshot: its id, counts and settings."""
        found: dict[str, Any] = self._get(f"/v1/snapshots/{quote(id, safe='')}", _json)
        return found

    def triplets(
        self, snapshot: str, *, seed: int, mix: str, negatives: str, position: int, count: int
    ) -> TripletBatch:
        """The pairs at positions `[position, position + count)` of the seeded order: the same for ever."""
        query = {"seed": seed, "mix": mix, "negatives": negatives, "position": position, "count": count}

        def read(body: bytes) -> TripletBatch:
            return _checked(triplet_wire.decode(body), snapshot, query)

        return self._get(f"/v1/snapshots/{quote(snapshot, safe='')}/triplets", read, query, triplet_wire.MEDIA_TYPE)

    def frames(self, snapshot: str, *, seed: int, position: int, count: int) -> FrameBatch:
        """The whole frames at positions `[position, position + count)` of their own seeded order: the same for ever."""
        query = {"seed": seed, "position": position, "count": count}

        def read(body: bytes) -> FrameBatch:
            return _checked(frame_wire.decode(body), snapshot, query)

        return self._get(f"/v1/snapshots/{quote(snapshot, safe='')}/frames", read, query, triplet_wire.MEDIA_TYPE)

    def close(self) -> None:
        """Drop the connections, and end the waiting of threads that are between two tries."""
        self._closed.set()
        self._pool.clear()

    def __enter__(self) -> TripletClient:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def _get(
        self,
        path: str,
        read: Callable[[bytes], Answer],
        query: Mapping[str, Any] | None = None,
        accept: str = "application/json",
    ) -> Answer:
        url = f"{self.url}{path}"
        begun = time.monotonic()
        until = begun + self.patience + self._timeout
        pause = FIRST_PAUSE
        while True:
            try:
                return read(self._try(url, query, accept, until))
            except WireVersionError:
                raise
            except (_TryAgain, WireError, urllib3.exceptions.HTTPError) as error:
                waited = time.monotonic() - begun
                wait = max(pause * random.uniform(0.5, 1.0), getattr(error, "after", 0.0))
                if self._closed.is_set() or waited + wait > self.patience:
                    raise ServiceUnavailable(url, waited, _words(error)) from error
                log.warning("No whole answer from %s (%s); trying again in %.1f s", url, _words(error), wait)
                self._closed.wait(wait)
                pause = min(2 * pause, LONGEST_PAUSE)

    def _try(self, url: str, query: Mapping[str, Any] | None, accept: str, until: float) -> bytes:
        headers = {"Accept": accept, **self._headers}
        response = self._pool.request("GET", url, fields=dict(query or {}), headers=headers, preload_content=False)
        body = _body(response, until)
        if response.status == 200:
            return body
        if response.status == 429 or response.status >= 500:
            problem = _problem(body)
            reason = f"HTTP {response.status}: {problem.get('detail', response.reason)}{_request(problem)}"
            raise _TryAgain(reason, _seconds(response.headers.get("Retry-After")))
        raise ServiceError(url, response.status, _problem(body))


def _body(response: urllib3.BaseHTTPResponse, until: float) -> bytes:
    """All of it, of which each piece came in time."""
    pieces = []
    try:
        while piece := response.read1(PIECE):
            pieces.append(piece)
            if time.monotonic() > until:
                raise _TryAgain(f"{sum(map(len, pieces))} bytes of the answer came in time, not all of it")
        response.release_conn()
    except BaseException:
        response.close()  # what is left of it must not be taken for the next answer
        raise
    return b"".join(pieces)


def _words(error: Exception) -> str:
    """What went wrong, without the pools and objects that urllib3 names beside it."""
    if not isinstance(error, urllib3.exceptions.HTTPError):
        return str(error)
    if isinstance(error, urllib3.exceptions.MaxRetryError) and error.reason is not None:
        error = error.reason
    if isinstance(error.__cause__, OSError) and error.__cause__.strerror:
        return error.__cause__.strerror.lower()
    return str(error.args[0] if error.args else type(error).__name__).rpartition(": ")[2].rstrip(".").lower()


def _address(url: str) -> str:
    try:
        parts = urllib3.util.parse_url(url)
    except urllib3.exceptions.LocationParseError as error:
        raise AddressError(url) from error
    if parts.scheme not in ("http", "https") or not parts.host:
        raise AddressError(url)
    return url.rstrip("/")


def _checked(batch: Batch, snapshot: str, query: Mapping[str, Any]) -> Batch:
    """The batch, if it is what was asked for: answers can change places on their way, too."""
    position, count = query["position"], query["count"]
    if not np.array_equal(batch.position, np.arange(position, position + count)):
        raise WireError(f"The body holds other positions than {position} to {position + count - 1}.")
    # A mix can be written in several ways.
    same = all(batch.query.get(name) == query[name] for name in query if name != "mix")
    if snapshot not in (batch.snapshot, "latest") or not same:
        raise WireError(f"The body answers another request, to snapshot {batch.snapshot}: {dict(batch.query)}.")
    return batch


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _TryAgain(f"the answer is not JSON ({error})") from error


def _problem(body: bytes) -> Mapping[str, Any]:
    """The problem details in an answer; empty where something else than the service wrote it."""
    try:
        problem = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return problem if isinstance(problem, dict) else {}


def _request(problem: Mapping[str, Any]) -> str:
    """What the service's log has the request under, for a message."""
    return f" (request {problem['request_id']})" if problem.get("request_id") else ""


def _seconds(retry_after: str | None) -> float:
    """A Retry-After header, which holds seconds or a date."""
    if not retry_after:
        return 0.0
    try:
        return max(0.0, float(retry_after))  # 0 for what is not a number, too
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return 0.0
