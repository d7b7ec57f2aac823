"""Test the messages for system errors: their remedy fits the installation and the refused operation."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from affinity.doctor.extras import pip_line
from affinity.error_messages import sentence


@pytest.mark.parametrize(
    ("origin", "line"),
    [
        (
            {"url": "file:///home/me/a%20checkout", "dir_info": {"editable": True}},
            'pip install -e "/home/me/a checkout[ingest]"',
        ),
        ({"url": "file:///tmp/build", "dir_info": {}}, 'pip install "affinity-graph[ingest]"'),
        ({"url": "https://host/it.whl", "archive_info": {}}, 'pip install "affinity-graph[ingest]"'),
        (None, 'pip install "affinity-graph[ingest]"'),
    ],
)
def test_the_pip_command_fits_the_installation(
    origin: dict[str, object] | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "affinity_graph-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: affinity-graph\nVersion: 1.0\n")
    if origin:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert pip_line("ingest") == line


def test_the_error_for_an_unreadable_file_does_not_mention_writing() -> None:
    message = sentence(PermissionError(errno.EACCES, "Permission denied", "labels.csv"))
    assert message and message.startswith("Permission denied: labels.csv. ") and "writ" not in message
