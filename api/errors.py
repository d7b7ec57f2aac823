"""The errors of the service and of its commands. The client has its own: `api/client/errors.py`.

ApiError                  its message says what happened, to what, and what to do next; raised as it is for what stops
                          a command: an address, port, certificate or worker that cannot be used, an unknown key
  x KeyUnusable           an API key cannot have this name, scope or rate
  x KeysUnreadable        the file of the API keys is damaged, or other users have rights to it
  x RequestError          a request cannot be answered; each has its own problem type (`api/problems.py`)
    - MixError            a mix is not written as `kind:weight,kind:weight`
    - MixUnavailable      the snapshot has no pairs of a kind in the mix
    - TooFewGroups        all patches are of one group, so that no pair has a negative
    - NegativesExhausted  no draw for a position gave a patch of another group
    - ImagesMoving        the archive is being rewritten, and images moved before they could be read
    - RowsMissing         the graph lacks rows that a snapshot refers to
    - GraphTooSlow        the graph gave no answer within the deadline
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foundation.errors import AffinityError


class ApiError(AffinityError):
    """The root: its message says what happened, to what, and what to do next."""


class KeyUnusable(ApiError):
    """An API key cannot have this name, scope or rate."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"The key cannot be created: {reason}.")


class KeysUnreadable(ApiError):
    """The file of the API keys is damaged, or other users have rights to it."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The keys in {path} cannot be used: {reason}. Restore the file and run `chmod 600` on it, or delete it "
            "and create the keys again."
        )


class RequestError(ApiError):
    """A request cannot be answered."""


class MixError(RequestError):
    """A mix is not written as `kind:weight,kind:weight`."""

    def __init__(self, mix: str, reason: str) -> None:
        super().__init__(
            f"The mix {mix[:60]!r} cannot be used: {reason}. Write the kinds transitive, intra and inter with weights "
            "from 1 to 1000, such as transitive:7,intra:2. The first kind sets the epoch."
        )


class MixUnavailable(RequestError):
    """The snapshot has no pairs of a kind in the mix. `workable` are mixes of kinds that it has."""

    def __init__(self, mix: str, missing: Sequence[str], workable: Sequence[str]) -> None:
        self.workable = list(workable)
        instead = f"These mixes work: {' or '.join(workable)}" if workable else "It has no pairs at all"
        super().__init__(f"The snapshot has no {' and no '.join(missing)} pairs, which the mix {mix} needs. {instead}.")


class TooFewGroups(RequestError):
    """All patches are of one group, so that no pair has a negative."""

    def __init__(self, snapshot: str, fit: str | None) -> None:
        group, more = ("parent cluster", "more parents (--parents)") if fit else ("video", "a second video")
        super().__init__(
            f"All patches of snapshot {snapshot} belong to one {group}, and a negative must belong to another one. "
            f"Ingest with {more}, and use the snapshot that this publishes."
        )


class NegativesExhausted(RequestError):
    """No draw for a position gave a patch of another group than the anchor's."""

    def __init__(self, snapshot: str, position: int, draws: int) -> None:
        super().__init__(
            f"{draws} draws from snapshot {snapshot} gave no negative for position {position}: nearly all patches "
            "belong to the group of its anchor. Cluster into more parents, or request a larger batch with "
            "negatives=batch."
        )


class ImagesMoving(RequestError):
    """The archive is being rewritten, and images moved before they could be read."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The archive is being rewritten, and for {seconds:g} s images moved before they could be read. "
            "Repeat the request later."
        )


class RowsMissing(RequestError):
    """The graph lacks rows that a snapshot refers to."""

    def __init__(self, snapshot: str, reason: str) -> None:
        super().__init__(
            f"The graph lacks rows that snapshot {snapshot} refers to ({reason}). "
            "Run `affinity graph check` to see what is damaged."
        )


class GraphTooSlow(RequestError):
    """The graph gave no answer within the deadline, in seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"The graph gave no answer within {seconds:g} s. Repeat the request later. "
            "If this happens again, look at the log of Neo4j."
        )
