"""Addresses of a Neo4j: what is none is a sentence, and no sentence repeats a password that stands in one."""

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
def test_a_password_in_the_address_is_not_repeated(uri: str) -> None:
    with pytest.raises(SettingsError, match="NEO4J_PASSWORD") as caught:
        ServerSettings(uri)
    assert "s3" not in str(caught.value) and "cret" not in str(caught.value)


@pytest.mark.parametrize("uri", ["bolt://[::1", "bolt://host:port", "bolt://host:0", "host:7687"])
def test_an_address_that_is_none_is_repeated(uri: str) -> None:
    with pytest.raises(SettingsError) as caught:
        ServerSettings(uri)
    assert repr(uri) in str(caught.value)


def test_the_demo_does_not_print_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://neo4j:s3cret@host")
    monkeypatch.setattr("affinity.demo.main_job", lambda *stages: None)
    demo(data=tmp_path)
    said = capsys.readouterr().out
    assert "NEO4J_URI" in said and "s3cret" not in said
