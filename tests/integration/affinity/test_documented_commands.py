"""Run the commands that the documentation shows: Cypher, curl, Python, backup and restore."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphdb.server.local import LocalServer
from tests.conftest import ROOT, SETTINGS, Graph, open_graph
from tests.documents import blocks, names, page, rows
from tests.integration.fingerprint import fingerprint

SMALL = ("--batch", "8", "--image-size", "32", "--head", "32,16", "--threads", "1")


@pytest.mark.parametrize("query", blocks(page("reference/graph-model"), "cypher"))
def test_each_documented_query_returns_rows(world: Graph, query: str) -> None:
    assert world.cypher(query)


def test_the_page_documents_all_labels_types_and_properties(world: Graph) -> None:
    table = {
        name: set(names(row[1])) | set(names(row[2]))
        for row in rows(page("reference/graph-model"))
        for name in names(row[0])
    }
    start = table["Patch:Start"]
    known = table | {"Patch": start, "Start": start, "End": start}
    for row in world.cypher("MATCH (n) UNWIND labels(n) AS label UNWIND keys(n) AS key RETURN DISTINCT label, key"):
        if row["label"] in ("Store", "Counter", "Shard"):
            continue  # internal labels, whose properties the page does not explain
        counts = set(world.store.snapshots()[0].counts.__dataclass_fields__) if row["label"] == "Snapshot" else set()
        assert row["key"] in known[row["label"]] | counts, row
    for row in world.cypher("MATCH ()-[r]->() UNWIND [null] + keys(r) AS key RETURN DISTINCT type(r) AS type, key"):
        assert row["key"] is None or row["key"] in known[row["type"]], row
        assert row["type"] in known


def shell(script: str, folder: Path, **environment: str) -> str:
    """Run a bash script, which stops at the first command that fails; return its output."""
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    path = f"{Path(sys.executable).parent}:{kept['PATH']}"
    variables = kept | {"PATH": path, "PYTHONPATH": str(ROOT)} | environment
    command = ["bash", "-euo", "pipefail", "-c", script]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, f"{script}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    return done.stdout


def test_each_documented_curl_command_works_and_each_route_has_one(service: str, tmp_path: Path) -> None:
    import json
    import urllib.request

    script = "\n".join(blocks(page("reference/http-api"), "bash"))
    shell(script.replace("http://127.0.0.1:8477", service), tmp_path)
    assert (tmp_path / "patch.jpg").read_bytes().startswith(b"\xff\xd8")
    assert (tmp_path / "batch.arrow").stat().st_size > 10_000
    with urllib.request.urlopen(f"{service}/openapi.json") as answer:
        described = json.load(answer)
    addresses = re.sub(r"\$PATCH|\$FRAME|snapshot-gone", "*", script)
    for path in described["paths"]:
        assert re.sub(r"{\w+}", "*", path).replace("snapshots/*", "snapshots/latest") in addresses, path
    parameters = described["paths"]["/v1/snapshots/{id}/triplets"]["get"]["parameters"]
    defaults = {one["name"]: str(one["schema"]["default"]) for one in parameters if one["in"] == "query"}
    documented = {
        names(row[0])[0]: row[1].strip("`") for row in reversed(rows(page("reference/http-api"))) if names(row[0])
    }
    assert {name: documented.get(name) for name in defaults} == defaults


@pytest.mark.parametrize(("number", "output"), [(0, "100 "), (1, "[0, 0, 0, 0] 200 200")])
def test_the_client_examples_run(number: int, output: str, service: str, tmp_path: Path) -> None:
    example = blocks(page("reference/python-api"), "python")[number]
    (tmp_path / "example.py").write_text(example.replace("http://127.0.0.1:8477", service))
    assert shell("python example.py", tmp_path).startswith(output)


def test_the_documented_code_loads_the_trunk(world: Graph, service: str, tmp_path: Path) -> None:
    world.run("train", "--run", "page", "--url", service, "--data", str(tmp_path), *SMALL, "--steps", "1")
    [example] = blocks(page("how-to/use-another-backbone"), "python")
    folder = tmp_path / "runs" / "page"
    (folder / "example.py").write_text(example)
    shell("python example.py", folder)


@pytest.fixture
def folders(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    yield tmp_path / "mine", tmp_path / "restored"
    for folder in ("mine", "restored"):
        LocalServer(tmp_path / folder / "neo4j").stop()


@pytest.mark.slow
def test_a_backup_restores_to_the_same_graph(folders: tuple[Path, Path], clips: list[Path], tmp_path: Path) -> None:
    backup, restore = blocks(page("how-to/back-up"), "bash")
    mine, restored = folders
    chosen = " ".join(map(str, clips[:6]))
    variables = {"BACKUP": str(tmp_path / "backup")}
    shell(f"affinity ingest {chosen}\n{backup}", tmp_path, AFFINITY_DATA=str(mine), **variables)
    before = contents(mine)
    restored.mkdir()
    shell(restore, tmp_path, AFFINITY_DATA=str(restored), **variables)
    assert contents(restored) == before


def contents(folder: Path) -> object:
    graph = open_graph(folder, LocalServer(folder / "neo4j").start())
    try:
        return fingerprint(graph)
    finally:
        graph.close()
