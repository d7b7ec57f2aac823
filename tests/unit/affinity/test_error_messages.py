"""Errors of the machine, told with a remedy that fits how this was installed and what was refused."""

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
def test_the_pip_line_is_one_that_works_for_this_installation(
    origin: dict[str, object] | None, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "affinity_graph-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: affinity-graph\nVersion: 1.0\n")
    if origin:
        (folder / "direct_url.json").write_text(json.dumps(origin))
    monkeypatch.syspath_prepend(tmp_path)
    assert pip_line("ingest") == line


def test_a_file_that_may_not_be_read_is_not_told_as_one_that_may_not_be_written() -> None:
    said = sentence(PermissionError(errno.EACCES, "Permission denied", "labels.csv"))
    assert said and said.startswith("Permission denied: labels.csv. ") and "writ" not in said
