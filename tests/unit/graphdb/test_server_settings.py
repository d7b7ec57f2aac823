"""Addresses of a Neo4j: a wrong one is an error, and no error message repeats a password in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from affinity.demo import demo
from foundation.errors import SettingsError
from graphdb.settings import ServerSettings


@pytest.mark.parametrize(
    "uri",
    [
        "bolt://neo4j:s3cret@host:7687",
        "bolt://neo4j:s3cret@host:bolt",
        "bolt://neo4j:s3/cret@host",
        "bolt://neo4j:s3#cret@host",
        "bolt://neo4j:s3?cret@host",
        "bolt://neo4j:s3cret@[::1",
        "bolt://neo4j:s3cret%40host:7687",
        "neo4j:s3cret@host",
        "http://neo4j:s3cret@host",
    ],
)
def test_an_error_does_not_repeat_a_password_in_the_address(uri: str) -> None:
    with pytest.raises(SettingsError, match="NEO4J_PASSWORD") as caught:
        ServerSettings(uri)
    assert "s3" not in str(caught.value) and "cret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["bolt://[::1", "bolt://host:port", "bolt://host:0", "host:7687"])
def test_an_error_repeats_a_wrong_address(uri: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ServerSettings(uri)
    assert repr(uri) in str(caught.value)


def test_the_demo_does_not_print_an_address_with_a_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://neo4j:s3cret@host")
    monkeypatch.setattr("affinity.demo.main_job", lambda *stages: None)
    demo(data=tmp_path)
    output = capsys.readouterr().out
    assert "NEO4J_URI" in output and "s3cret" not in output
