from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from trainer.runs.metrics import Metrics, MetricsFile, read_metrics, summarize


def line(step: int, loss: float = 0.5, transitive: int = 7, intra: int = 2) -> Metrics:
    return Metrics(
        step=step,
        position=step * 9,
        loss=loss,
        images=20,
        pairs={"transitive": transitive, "intra": intra},
        seconds=2.0,
        waited=0.5,
        measures={"ap_dist": 0.2, "an_dist": 0.3},
    )


def write(path: Path, lines: list[Metrics], step: int = 0) -> None:
    with closing(MetricsFile(path, step)) as file:
        for each in lines:
            file.append(each)


def test_lines_are_read_as_they_were_written(tmp_path: Path) -> None:
    lines = [line(step) for step in range(1, 4)]
    write(tmp_path / "metrics.jsonl", lines)

    assert read_metrics(tmp_path / "metrics.jsonl") == lines


def test_lines_after_the_checkpoint_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, [line(step, loss=1.0) for step in range(1, 9)])
    write(path, [line(6, loss=0.1)], step=5)

    assert [(each.step, each.loss) for each in read_metrics(path)] == [*((step, 1.0) for step in range(1, 6)), (6, 0.1)]


def test_a_line_that_a_crash_cut_short_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    write(path, [line(1), line(2)])
    path.write_bytes(path.read_bytes()[:-30])

    assert read_metrics(path) == [line(1)]


def test_a_summary_compares_both_ends_of_a_run() -> None:
    lines = [line(step, loss=1 / step) for step in range(1, 101)]

    summary = summarize(lines, {"transitive": 1400, "intra": 100, "inter": 0})

    assert summary.steps == 100 and summary.measures_last == pytest.approx({"ap_dist": 0.2, "an_dist": 0.3})
    assert summary.loss_first == pytest.approx(sum(1 / step for step in range(1, 21)) / 20)
    assert summary.loss_last == pytest.approx(sum(1 / step for step in range(81, 101)) / 20)
    assert summary.images_per_second == 10 and summary.waited_share == 0.25
    assert summary.pairs == {"transitive": 700, "intra": 200}
    assert summary.epochs == {"transitive": 0.5, "intra": 2.0}


@pytest.mark.parametrize(("transitive", "intra", "fresh"), [(70, 20, True), (69, 20, False), (70, 19, False)])
def test_pairs_are_fresh_until_a_kind_repeats(transitive: int, intra: int, fresh: bool) -> None:
    available = {"transitive": transitive, "intra": intra}

    assert summarize([line(step) for step in range(1, 11)], available).fresh is fresh
