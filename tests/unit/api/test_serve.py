"""`affinity serve` refuses unsafe or impossible settings with a sentence."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from api.errors import ApiError
from api.settings import ServiceSettings, is_loopback
from foundation.data_folder import DataFolder
from foundation.errors import SettingsError


def serve(*arguments: str, data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "affinity", "serve", "--data", str(data), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def assert_refused_with(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_an_open_address_without_a_key_is_refused(tmp_path: Path) -> None:
    assert_refused_with(serve("--host", "0.0.0.0", "--port", "0", data=tmp_path), "AFFINITY_API_KEY", "0.0.0.0")
    assert not list(tmp_path.iterdir())


def test_a_port_in_use_is_refused_by_name(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert_refused_with(serve("--port", str(port), data=tmp_path), f"port {port}", "--port")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_a_loopback_address_needs_no_key(host: str, tmp_path: Path) -> None:
    assert is_loopback(host)
    assert ServiceSettings(folder=DataFolder(tmp_path), host=host).api_key is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.1", "example", "localhost.example", ""])
def test_other_addresses_need_a_key(host: str, tmp_path: Path) -> None:
    with pytest.raises(ApiError, match="AFFINITY_API_KEY"):
        ServiceSettings(folder=DataFolder(tmp_path), host=host)
    assert ServiceSettings(folder=DataFolder(tmp_path), host=host, api_key="key").host == host


def test_settings_are_read_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFFINITY_API_KEY", "secret")
    monkeypatch.setenv("AFFINITY_CACHE_BYTES", "0")
    settings = ServiceSettings.from_environment(tmp_path, "0.0.0.0", 80)
    assert (settings.api_key, settings.cache_bytes, settings.folder.root) == ("secret", 0, tmp_path)


@pytest.mark.parametrize("size", ["-1", "1 GB", "1e9"])
def test_a_cache_size_that_is_not_a_number_of_bytes_is_refused(
    size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AFFINITY_CACHE_BYTES", size)
    with pytest.raises(SettingsError, match="AFFINITY_CACHE_BYTES"):
        ServiceSettings.from_environment(tmp_path, "127.0.0.1", 80)
