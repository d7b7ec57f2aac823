"""Keys that open the service. Each is 256 random bits, shown once; the data folder keeps a digest of it."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from api.errors import KeyNameTaken, KeyNotFound, KeysUnreadable, KeyUnusable
from foundation.files import exclusive_lock, write_private

SCOPES = ("read", "admin")
"""`read` opens snapshots, triplets and patches; `admin` opens /metrics."""
PREFIX = "affinity_"
"""What a key begins with, so that programs that look for leaked secrets can tell one."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
DIGEST = re.compile("[0-9a-f]{64}")
MAX_RATE = 1_000_000.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """One key, as the data folder knows it. Raises KeyUnusable where no key can be so."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    """From then on it opens nothing."""
    rate: float | None = None
    """Requests a second; None sets no limit."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise KeyUnusable(f"{self.name[:60]!r} cannot be its name: use up to 40 letters, digits, '.', '_' and '-'")
        if not DIGEST.fullmatch(self.sha256):
            raise KeyUnusable("its digest is none")
        if not self.scopes or not set(self.scopes) <= set(SCOPES):
            raise KeyUnusable(f"its scopes are {', '.join(self.scopes) or 'none'}, of {' and '.join(SCOPES)}")
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise KeyUnusable(f"{self.rate:g} requests a second is no rate between 0 and {MAX_RATE:g}")

    @property
    def has_expired(self) -> bool:
        return self.expires is not None and self.expires <= datetime.now(UTC)

    def as_dict(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "sha256": self.sha256,
            "scopes": list(self.scopes),
            "created": self.created.isoformat(timespec="seconds"),
            "expires": self.expires and self.expires.isoformat(timespec="seconds"),
            "rate": self.rate,
        }

    @classmethod
    def from_dict(cls, of: dict[str, Any]) -> Key:
        return cls(
            of["name"],
            of["sha256"],
            tuple(of["scopes"]),
            datetime.fromisoformat(of["created"]).astimezone(UTC),
            datetime.fromisoformat(of["expires"]).astimezone(UTC) if of["expires"] else None,
            of["rate"],
        )


def digest(token: str) -> str:
    """SHA-256 in hex. No salt, no stretching: there is nothing to guess in 256 random bits."""
    return sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The keys of a data folder. Several processes may change it at a time; a reader sees it whole."""

    path: Path

    def read(self) -> list[Key]:
        """All keys, expired ones too; none where there is no file. Raises KeysUnreadable."""
        try:
            if self.path.stat().st_mode & 0o077:
                raise KeysUnreadable(self.path, "others than its owner have rights to it")
            return [Key.from_dict(one) for one in json.loads(self.path.read_bytes())["keys"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise KeysUnreadable(self.path, error.strerror or str(error)) from error
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, KeyUnusable) as error:
            raise KeysUnreadable(self.path, "it is damaged") from error

    def create(
        self, name: str, scopes: Sequence[str] = ("read",), expires: datetime | None = None, rate: float | None = None
    ) -> tuple[Key, str]:
        """A new key, and the secret itself, which is kept nowhere. Raises KeyUnusable, KeyNameTaken, KeysUnreadable."""
        token = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC).replace(microsecond=0)
        key = Key(name, digest(token), tuple(dict.fromkeys(scopes)), now, expires, rate)
        with self._changing():
            keys = self.read()
            if any(one.name == name for one in keys):
                raise KeyNameTaken(name)
            self._write([*keys, key])
        return key, token

    def revoke(self, name: str) -> Key:
        """Take a key out. Raises KeyNotFound, KeysUnreadable."""
        with self._changing():
            keys = self.read()
            revoked = next((one for one in keys if one.name == name), None)
            if revoked is None:
                raise KeyNotFound(name, [one.name for one in keys])
            # An empty list stays behind: without the file, the service would open to all of this machine.
            self._write([one for one in keys if one is not revoked])
        return revoked

    def _changing(self) -> Any:
        return exclusive_lock(self.path.with_suffix(".lock"), 10, "changing the keys")

    def _write(self, keys: Sequence[Key]) -> None:
        write_private(self.path, json.dumps({"keys": [key.as_dict() for key in keys]}, indent=1) + "\n")


class Keyring:
    """The keys that open a running service: those of the file as it is now, and AFFINITY_API_KEY."""

    def __init__(self, file: KeyFile, api_key: str | None = None) -> None:
        self._file = file
        self._own = [Key("AFFINITY_API_KEY", digest(api_key), SCOPES, datetime.now(UTC))] if api_key else []
        self._keys: list[Key] = []
        self._stamp: tuple[int, ...] | None = None
        self._is_locked = bool(api_key)
        self._look()

    @property
    def is_locked(self) -> bool:
        """Whether a request needs a key. Once there were keys it does, whatever becomes of the file."""
        self._look()
        return self._is_locked

    def find(self, token: str) -> Key | None:
        """The key that this is, if it is one and has not expired. Takes as long wherever two digests differ."""
        self._look()
        asked = digest(token)
        found = None
        for key in (*self._own, *self._keys):
            if compare_digest(key.sha256, asked):
                found = key
        return None if found is None or found.has_expired else found

    def _look(self) -> None:
        """Read the file again if it is another than before, so that a revoked key opens nothing from then on."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._is_locked |= stamp is not None
        try:
            self._keys = self._file.read()
        except KeysUnreadable as error:
            log.error("No key of the file opens anything: %s", error)
            self._keys = []

    def _stamp_now(self) -> tuple[int, ...] | None:
        try:
            now = self._file.path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return (0,)
        return now.st_ino, now.st_mtime_ns, now.st_size, now.st_mode
