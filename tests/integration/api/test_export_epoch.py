"""An exported epoch has every pair of its first kind once, and the images of the service; an export can be resumed."""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet

from api.client.http import TripletClient
from tests.conftest import Graph, free_port

INTRA = ("--format", "parquet", "--mix", "intra:1")


def export(world: Graph, service: str, folder: Path, *more: str, pairs: str = "150") -> dict[str, Any]:
    return world.json("export", str(folder), "--url", service, "--pairs-per-file", pairs, "--batch", "50", *more)


def samples(folder: Path) -> dict[str, dict[str, bytes]]:
    """Group the members as WebDataset does: the part of a name before the first dot is the key of the sample."""
    found: dict[str, dict[str, bytes]] = {}
    for path in sorted(folder.glob("*.tar")):
        with tarfile.open(path) as tar:
            for member in tar:
                key, _, name = member.name.partition(".")
                content = tar.extractfile(member)
                assert content
                found.setdefault(key, {})[name] = content.read()
    return found


def test_each_of_two_epochs_holds_every_pair_of_the_first_kind_once_and_no_position_is_lost(
    world: Graph, service: str, snapshot: str, tmp_path: Path
) -> None:
    with TripletClient(service) as client:
        total = client.snapshot(snapshot)["counts"]["transitive"]
        epochs = []
        for epoch in (0, 1):
            export(world, service, tmp_path / str(epoch), "--epoch", str(epoch), "--snapshot", snapshot)
            epochs.append(samples(tmp_path / str(epoch)))
        for found in epochs:
            metadata = [json.loads(sample["json"]) for sample in found.values()]
            pairs = Counter((a["anchor_id"], a["positive_id"]) for a in metadata if a["kind"] == "transitive")
            assert len(pairs) == total and set(pairs.values()) == {1}
        positions = sorted(int(key) for found in epochs for key in found)
        assert positions == list(range(positions[-1] + 1))
        first = client.triplets(snapshot, seed=0, mix="transitive:7,intra:2", negatives="batch", position=0, count=50)
    sample = epochs[0][f"{3:012d}"]
    assert sample["anchor.jpg"] == first.images[3]
    assert sample["positive.jpg"] == first.images[first.positive_idx[3]]
    assert sample["negative.jpg"] == first.images[first.negative_idx[3]]
    assert json.loads(sample["json"])["negative_group"] == first.negative_group[3]


def test_parquet_holds_the_same_rows_and_an_interrupted_export_goes_on(
    world: Graph, service: str, snapshot: str, tmp_path: Path
) -> None:
    whole = export(world, service, tmp_path / "whole", *INTRA, pairs="50")
    files = sorted((tmp_path / "whole").glob("*.parquet"))
    assert len(files) == whole["files"] > 1 and whole["snapshot"] == snapshot
    rows = [row for path in files for row in pyarrow.parquet.read_table(path).to_pylist()]
    assert len(rows) == len({row["anchor_id"] for row in rows}) == world.store.counts()["intra"]
    assert all(row["anchor_jpeg"].startswith(b"\xff\xd8") for row in rows)

    before = {path: path.stat().st_mtime_ns for path in files[:-1]}
    content = files[-1].read_bytes()
    files[-1].unlink()
    export(world, service, tmp_path / "whole", *INTRA, pairs="50")
    assert files[-1].read_bytes() == content
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_mix_that_the_snapshot_lacks_is_refused_with_mixes_that_work(
    graph: Graph, clips: list[Path], tmp_path: Path
) -> None:
    graph.run("ingest", *map(str, clips[:2]))
    with graph.service(free_port()) as url:
        refused = graph.run("export", str(tmp_path / "none"), "--url", url, check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "intra:2" in refused.stderr and not (tmp_path / "none").exists()


def test_a_folder_of_another_export_is_refused(world: Graph, service: str, tmp_path: Path) -> None:
    export(world, service, tmp_path / "one", "--mix", "intra:1")
    arguments = ("export", str(tmp_path / "one"), "--url", service, "--mix", "intra:1", "--seed", "1")
    refused = world.run(*arguments, check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "export.json" in refused.stderr


def test_an_export_with_damaged_settings_is_refused_and_keeps_its_files(
    world: Graph, service: str, snapshot: str, tmp_path: Path
) -> None:
    folder = tmp_path / "one"
    export(world, service, folder, "--mix", "intra:1")
    files = {path: path.read_bytes() for path in folder.glob("*.tar")}
    (folder / "export.json").write_text('{"snapshot": ')
    refused = world.run("export", str(folder), "--url", service, "--mix", "intra:1", check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "export.json" in refused.stderr
    assert {path: path.read_bytes() for path in folder.glob("*.tar")} == files
