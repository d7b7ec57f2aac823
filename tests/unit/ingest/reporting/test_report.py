"""What ingest prints: each message once, and numbers that agree with their nouns."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from ingest.errors import UnreadableVideo
from ingest.pipeline import skip
from ingest.reporting.report import Report, counted
from ingest.reporting.summary import MAX_NAMED, Summary


def printed(report: Report) -> str:
    assert isinstance(report.console.file, StringIO)
    return report.console.file.getvalue()


def test_notes_and_skipped_files_are_printed_once() -> None:
    report, summary = Report(Console(file=StringIO())), Summary(mined=2)
    skip(Path("broken.mp4"), UnreadableVideo(Path("broken.mp4"), "it is empty"), report, summary)
    report.note("No edges.")
    summary.show(report)
    assert printed(report).count("No edges.") == printed(report).count("broken.mp4: it is empty") == 1
    body = json.loads(summary.as_json(report))
    assert body["notes"] == ["No edges."]
    assert body["skipped"] == [{"path": "broken.mp4", "reason": "it is empty"}]


def test_numbers_agree_with_their_nouns() -> None:
    counts = [counted(number, "video") for number in (0, 1, 2, 1234)]
    assert counts == ["0 videos", "1 video", "2 videos", "1,234 videos"]
    lines = {
        "1 video mined, 0 known already, 1 copy of another, 0 skipped; 1 new track.": Summary(1, copies=1, tracks=1),
        "2 videos mined, 1 known already, 0 copies of another, 0 skipped; 0 new tracks.": Summary(2, known=1),
    }
    for line, summary in lines.items():
        report = Report(Console(file=StringIO()))
        summary.show(report)
        assert printed(report) == line + "\n"


def test_videos_without_a_track_are_named_up_to_a_limit() -> None:
    report = Report(Console(file=StringIO()))
    Summary(trackless=[(Path(f"{i}.mp4"), "too dark") for i in range(MAX_NAMED + 1)]).show(report)
    assert printed(report).count("too dark") == MAX_NAMED
    assert "no track in 1 other, named with --json" in printed(report)
