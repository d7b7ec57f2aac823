"""API keys. Each is 256 random bits and is shown once; the data folder keeps its digest only."""

from __future__ import annotations

import json
import logging
import re
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from hmac import compare_digest
from pathlib import Path
from typing import Any

from api.errors import ApiError, KeysUnreadable, KeyUnusable
from foundation.files import exclusive_lock, write_private

SCOPES = ("read", "admin")
"""`read` is for snapshots, triplets, frames and patches; `admin` is for /metrics."""
PREFIX = "affinity_"
"""How each key begins, so that scanners for leaked secrets recognize it."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}")
DIGEST = re.compile("[0-9a-f]{64}")
MAX_RATE = 1_000_000.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as the data folder stores it. Raises KeyUnusable for an invalid name, digest, scope or rate."""

    name: str
    sha256: str
    scopes: tuple[str, ...]
    created: datetime
    expires: datetime | None = None
    """The key is refused from this time on."""
    rate: float | None = None
    """Requests a second; None means no limit."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise KeyUnusable(f"the name {self.name[:60]!r} is invalid. Use up to 40 letters, digits, '.', '_' and '-'")
        if not DIGEST.fullmatch(self.sha256):
            raise KeyUnusable("its digest is not SHA-256 in hex")
        if not self.scopes or not set(self.scopes) <= set(SCOPES):
            raise KeyUnusable(f"its scopes are {', '.join(self.scopes) or 'empty'}; use {' or '.join(SCOPES)}")
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise KeyUnusable(f"its rate is {self.rate:g} requests a second; use up to {MAX_RATE:g}, above 0")

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
    def from_dict(cls, stored: dict[str, Any]) -> Key:
        return cls(
            stored["name"],
            stored["sha256"],
            tuple(stored["scopes"]),
            datetime.fromisoformat(stored["created"]).astimezone(UTC),
            datetime.fromisoformat(stored["expires"]).astimezone(UTC) if stored["expires"] else None,
            stored["rate"],
        )


def digest(token: str) -> str:
    """Return SHA-256 in hex. 256 random bits cannot be guessed, so the digest needs no salt and no stretching."""
    return sha256(token.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class KeyFile:
    """The file of a data folder's keys. Several processes may change it at a time; a reader sees whole files only."""

    path: Path

    def read(self) -> list[Key]:
        """Return all keys, expired ones too; an empty list if there is no file. Raises KeysUnreadable."""
        try:
            if self.path.stat().st_mode & 0o077:
                raise KeysUnreadable(self.path, "other users have rights to it")
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
        """Create a key. Returns it and the secret, which is not stored. Raises KeyUnusable and KeysUnreadable."""
        token = PREFIX + secrets.token_urlsafe(32)
        now = datetime.now(UTC).replace(microsecond=0)
        key = Key(name, digest(token), tuple(dict.fromkeys(scopes)), now, expires, rate)
        with self._exclusive():
            keys = self.read()
            if any(one.name == name for one in keys):
                raise KeyUnusable(f"there is already a key named {name}. Choose another name, or revoke that key first")
            self._write([*keys, key])
        return key, token

    def revoke(self, name: str) -> Key:
        """Remove a key. Raises ApiError if there is no such key, and KeysUnreadable."""
        with self._exclusive():
            keys = self.read()
            revoked = next((one for one in keys if one.name == name), None)
            if revoked is None:
                names = ", ".join(one.name for one in keys)
                raise ApiError(f"There is no key named {name[:60]}. The keys are: {names or '(none)'}.")
            # Keep the file even with an empty list: without it, the service would answer this machine without a key.
            self._write([one for one in keys if one is not revoked])
        return revoked

    def _exclusive(self) -> AbstractContextManager[None]:
        return exclusive_lock(self.path.with_suffix(".lock"), 10, "changing the keys")

    def _write(self, keys: Sequence[Key]) -> None:
        write_private(self.path, json.dumps({"keys": [key.as_dict() for key in keys]}, indent=1) + "\n")


class Keyring:
    """The keys of a running service: those in the file at any moment, and AFFINITY_API_KEY."""

    def __init__(self, file: KeyFile, api_key: str | None = None) -> None:
        self._file = file
        self._extra = [Key("AFFINITY_API_KEY", digest(api_key), SCOPES, datetime.now(UTC))] if api_key else []
        self._keys: list[Key] = []
        self._stamp: tuple[int, ...] | None = None
        self._is_locked = bool(api_key)
        self._reload_if_changed()

    @property
    def is_locked(self) -> bool:
        """Whether requests need a key. Once there was a key they do, even after the file was deleted or damaged."""
        self._reload_if_changed()
        return self._is_locked

    def find(self, token: str) -> Key | None:
        """Return the key of this token, or None if it is unknown or expired. Any wrong token takes the same time."""
        self._reload_if_changed()
        token_digest = digest(token)
        found = None
        for key in (*self._extra, *self._keys):
            if compare_digest(key.sha256, token_digest):
                found = key
        return None if found is None or found.has_expired else found

    def _reload_if_changed(self) -> None:
        """Read the file again if it changed, so that a revoked key is refused from the next request on."""
        stamp = self._current_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._is_locked |= stamp is not None
        try:
            self._keys = self._file.read()
        except KeysUnreadable as error:
            log.error("All keys in the file are refused: %s", error)
            self._keys = []

    def _current_stamp(self) -> tuple[int, ...] | None:
        try:
            now = self._file.path.stat()
        except FileNotFoundError:
            return None
        except OSError:
            return (0,)
        return now.st_ino, now.st_mtime_ns, now.st_size, now.st_mode
