"""API keys are shown once, stored as digests, and refused when expired or revoked, also if their file is damaged."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from api.errors import ApiError, KeysUnreadable, KeyUnusable
from api.middleware.api_keys import SCOPES, KeyFile, Keyring, digest


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "keys.json")


def affinity_keys(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "affinity", "keys", *arguments, "--data", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_a_key_is_256_random_bits_and_is_not_stored(file: KeyFile) -> None:
    tokens = [file.create(f"key-{number}")[1] for number in range(20)]
    assert len(set(tokens)) == 20
    assert all(len(token.removeprefix("affinity_")) == 43 for token in tokens)  # 256 bits in base64
    stored = file.path.read_text()
    assert not any(token in stored or token.removeprefix("affinity_") in stored for token in tokens)
    assert [key.sha256 for key in file.read()] == [digest(token) for token in tokens]


def test_only_the_owner_can_read_the_file_and_other_permissions_are_refused(file: KeyFile) -> None:
    file.create("one")
    assert file.path.stat().st_mode & 0o777 == 0o600
    file.path.chmod(0o644)
    with pytest.raises(KeysUnreadable, match="chmod 600"):
        file.read()


def test_a_key_is_accepted_until_it_is_revoked(file: KeyFile) -> None:
    keyring = Keyring(file)
    key, token = file.create("one", SCOPES, rate=2.5)
    assert keyring.is_locked
    assert keyring.find(token) == key == file.read()[0]
    assert keyring.find(token + "x") is keyring.find("") is keyring.find("ü") is None
    other = file.create("two")[1]
    file.revoke("one")
    assert keyring.find(token) is None
    assert keyring.find(other) is not None


def test_without_keys_requests_need_no_key(file: KeyFile) -> None:
    assert not Keyring(file).is_locked


def test_an_expired_key_is_refused(file: KeyFile) -> None:
    now = datetime.now(UTC)
    expired = file.create("expired", expires=now)[1]
    valid = file.create("valid", expires=now + timedelta(days=1))[1]
    keyring = Keyring(file)
    assert keyring.find(expired) is None
    assert keyring.find(valid) is not None


def test_the_key_of_the_environment_has_every_scope(file: KeyFile) -> None:
    keyring = Keyring(file, "secret")
    key = keyring.find("secret")
    assert key is not None and key.scopes == SCOPES and key.rate is None
    assert keyring.is_locked


@pytest.mark.parametrize("event", ["revoked", "deleted", "damaged", "readable by others", "changed"])
def test_the_service_stays_locked_after_any_change_of_the_key_file(
    file: KeyFile, event: str, caplog: pytest.LogCaptureFixture
) -> None:
    token = file.create("one")[1]
    keyring = Keyring(file, None)
    if event == "revoked":
        file.revoke("one")
    elif event == "deleted":
        file.path.unlink()
    elif event == "damaged":
        file.path.write_bytes(file.path.read_bytes()[:-20])
    elif event == "readable by others":
        file.path.chmod(0o666)
    else:
        file.path.write_text(file.path.read_text().replace(digest(token), "é"))
    with caplog.at_level(logging.ERROR):
        assert keyring.find(token) is None
    assert keyring.is_locked
    assert len(caplog.records) == (event in ("damaged", "readable by others", "changed"))
    assert Keyring(file).is_locked == (event != "deleted")


DAMAGED: list[Any] = [
    [],
    {},
    {"keys": {}},
    {"keys": [1]},
    {"keys": [{"name": "one"}]},
    {"keys": [{"name": "a", "sha256": 1, "scopes": ["read"], "created": "2026-01-01", "expires": None, "rate": None}]},
    {"keys": [{"name": "a", "sha256": "0" * 64, "scopes": 1, "created": "2026-01-01", "expires": None, "rate": None}]},
    {"keys": [{"name": "a", "sha256": "0" * 64, "scopes": ["read"], "created": "", "expires": None, "rate": None}]},
]


@pytest.mark.parametrize("content", DAMAGED, ids=str)
def test_a_file_of_another_form_is_refused_whole(file: KeyFile, content: Any) -> None:
    file.create("one")
    file.path.write_text(json.dumps(content))
    if content == {"keys": {}}:
        assert file.read() == []
        return
    with pytest.raises(KeysUnreadable, match="damaged"):
        file.read()


def test_names_are_unique_and_safe_in_a_log(file: KeyFile) -> None:
    file.create("one")
    with pytest.raises(KeyUnusable, match="already a key named one"):
        file.create("one")
    with pytest.raises(ApiError, match=r"no key named two\. The keys are: one"):
        file.revoke("two")
    for name in ("", "a b", "../up", ".hidden", "x" * 41, "a\nb", "ü"):
        with pytest.raises(KeyUnusable, match="name"):
            file.create(name)
    assert [key.name for key in file.read()] == ["one"]


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e9])
def test_an_invalid_rate_is_refused(file: KeyFile, rate: float) -> None:
    with pytest.raises(KeyUnusable, match="rate"):
        file.create("one", rate=rate)


def test_keys_created_at_the_same_time_are_all_stored(file: KeyFile) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: file.create(f"key-{number}"), range(16)))
    assert len(file.read()) == 16


def test_the_commands_show_a_key_only_once(tmp_path: Path) -> None:
    created = affinity_keys(tmp_path, "create", "one", "--scope", "admin", "--days", "1", "--rate", "3")
    token = created.stdout.strip()
    assert Keyring(KeyFile(tmp_path / "keys.json")).find(token)
    listed = affinity_keys(tmp_path, "list", "--json").stdout
    assert token not in listed and digest(token) not in listed
    [one] = json.loads(listed)["keys"]
    assert (one["name"], one["scopes"], one["rate"], one["expired"]) == ("one", ["admin"], 3.0, False)
    assert "one" in affinity_keys(tmp_path, "list").stdout
    refused = affinity_keys(tmp_path, "create", "one")
    assert refused.returncode == 1 and "one" in refused.stderr and "Traceback" not in refused.stderr
    assert affinity_keys(tmp_path, "revoke", "one").returncode == 0
    assert json.loads(affinity_keys(tmp_path, "list", "--json").stdout) == {"keys": []}
