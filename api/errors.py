"""Everything that the service itself refuses. (What the client raises is in client.py and wire.py.)

ServiceFault
  x NotLoopback           the service would be open to the network without a key
  x PortTaken
  x TlsUnusable           the certificate or its key cannot be read, or do not fit
  x WorkersFailed         a worker process could not start
  x KeyUnusable           a key cannot have this name, scope or rate
  x KeyNameTaken
  x KeyNotFound
  x KeysUnreadable        the file of the keys is damaged, or open to others
  x MixError              a mix is not written as one
  x MixUnavailable        the snapshot has no pairs of a kind that the mix names
  x TooFewGroups          no negative could be of another group
  x NegativesExhausted    none of the draws for a position was of another group
  x RowsMissing           the graph lacks what a snapshot counts on
  x GraphTooSlow          the graph gave no answer within the deadline
  x OtherExport           a folder holds the export of something else
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from foundation.errors import AffinityError


class ServiceFault(AffinityError):
    """The root: its message says what happened, to what, and what to do next."""


class NotLoopback(ServiceFault):
    """The service would be open to the network without a key."""

    def __init__(self, host: str) -> None:
        self.host = host
        super().__init__(
            f"Without a key the service listens on this machine only, and {host} is open to others. "
            "Make one with `affinity keys create NAME` or set AFFINITY_API_KEY, or leave --host at 127.0.0.1."
        )


class PortTaken(ServiceFault):
    """Something else listens where the service should."""

    def __init__(self, host: str, port: int, reason: str) -> None:
        self.host = host
        self.port = port
        super().__init__(
            f"The service cannot listen on {host}, port {port} ({reason}). "
            "Stop what listens there, or choose another with --port (0 takes any free one)."
        )


class TlsUnusable(ServiceFault):
    """The certificate or its key cannot be read, or do not fit."""

    def __init__(self, certificate: Path | None, key: Path | None, reason: str) -> None:
        named = f"the certificate {certificate}" if certificate else "no certificate"
        named += f" and the key {key}" if key else ""
        super().__init__(
            f"The service cannot speak TLS with {named} ({reason}). --tls-cert names a PEM file with the "
            "certificate and those that vouch for it, --tls-key one with its private key, without a password."
        )


class WorkersFailed(ServiceFault):
    """A worker process could not start."""

    def __init__(self) -> None:
        super().__init__("A worker of the service could not start; what it wrote above says why.")


class KeyUnusable(ServiceFault):
    """A key cannot have this name, scope or rate."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"No such key can be made: {reason}.")


class KeyNameTaken(ServiceFault):
    """There is a key of this name."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is a key named {name} already. Choose another name, or revoke that one first.")


class KeyNotFound(ServiceFault):
    """There is no key of this name."""

    def __init__(self, name: str, names: Sequence[str]) -> None:
        self.name = name
        there = f"there are {', '.join(names)}" if names else "there is none at all"
        super().__init__(f"There is no key named {name[:60]}; {there}.")


class KeysUnreadable(ServiceFault):
    """The file of the keys is damaged, or open to others."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        super().__init__(
            f"The keys in {path} cannot be used: {reason}. Restore the file, with `chmod 600` on it, or delete it and "
            "create the keys again."
        )


class MixError(ServiceFault):
    """A mix is not written as `kind:weight,kind:weight`."""

    def __init__(self, mix: str, reason: str) -> None:
        self.mix = mix
        super().__init__(
            f"The mix {mix[:60]!r} cannot be used: {reason}. Write the kinds transitive, intra and inter with weights "
            "from 1 to 1000, such as transitive:7,intra:2; the first kind sets the epoch."
        )


class MixUnavailable(ServiceFault):
    """The snapshot has no pairs of a kind that the mix names; `workable` are mixes that it has all pairs for."""

    def __init__(self, mix: str, missing: Sequence[str], workable: Sequence[str]) -> None:
        self.workable = list(workable)
        instead = f"These would work: {' or '.join(workable)}" if workable else "It has no pairs at all"
        super().__init__(f"The snapshot has no {' and no '.join(missing)} pairs, which the mix {mix} needs. {instead}.")


class TooFewGroups(ServiceFault):
    """No negative could be of another group."""

    def __init__(self, snapshot: str, fit: str | None) -> None:
        self.snapshot = snapshot
        kind, more = ("parent cluster", "more parents (--parents)") if fit else ("video", "a second video")
        super().__init__(
            f"All patches of snapshot {snapshot} belong to one {kind}, and a negative must be of another. "
            f"Ingest with {more} and use the snapshot that this publishes."
        )


class NegativesExhausted(ServiceFault):
    """None of the draws for a position was of another group than its anchor."""

    def __init__(self, snapshot: str, position: int, draws: int) -> None:
        self.snapshot = snapshot
        self.position = position
        super().__init__(
            f"{draws} draws from snapshot {snapshot} gave no negative for position {position}: nearly all patches "
            "are of its anchor's group. Cluster into more parents, or ask for a larger batch with negatives=batch."
        )


class ImagesMoving(ServiceFault):
    """The archive is being rewritten, and images were moved before they could be read, for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"The archive is being rewritten, and images were moved before they could be read for {seconds:g} s. "
            "Ask again."
        )


class RowsMissing(ServiceFault):
    """The graph lacks what a snapshot counts on."""

    def __init__(self, snapshot: str, reason: str) -> None:
        self.snapshot = snapshot
        super().__init__(
            f"The graph lacks what snapshot {snapshot} counts on ({reason}). "
            "`affinity graph check` says what is damaged."
        )


class GraphTooSlow(ServiceFault):
    """The graph gave no answer within the deadline, in seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(
            f"The graph gave no answer within {seconds:g} s. Ask again, and look at its log if this goes on."
        )


class OtherExport(ServiceFault):
    """A folder holds the export of something else."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"The folder {folder} holds the export of another snapshot, order or format, as its export.json says. "
            "Choose another folder, or give the options that it was begun with."
        )
