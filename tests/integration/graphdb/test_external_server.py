"""A Neo4j that NEO4J_URI names: empty, with data of others, with another version, or without a permission."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from neo4j import GraphDatabase
from neo4j.exceptions import Neo4jError

import affinity.demo
from affinity.doctor.check import Check
from affinity.doctor.graph import neo4j
from foundation.data_folder import DataFolder
from graphdb.connect import connect, open_store
from graphdb.consistency.queries import CheckStore
from graphdb.errors import ForeignData, GraphAccessDenied, GraphdbError
from graphdb.model import LABELS, Video
from graphdb.server.handshake import minimum_version, supported_version
from graphdb.server.local import LocalServer
from graphdb.store.graph import GraphStore
from tests.conftest import SAMPLES, Graph, free_port

MOVIES = """
CREATE (a:Person {name: 'Anna', born: 1971, id: 'a'}), (b:Person {name: 'Ben'}), (:Person {name: 'Carl'}),
       (m:Movie {title: 'Rain', created: datetime('2020-01-01'), id: 'm'}), (n {note: 'no label'}),
       (a)-[:ACTED_IN {role: 'herself'}]->(m), (b)-[:DIRECTED]->(m), (a)-[:IN]->(n), (b)-[:FROM]->(n)
"""
FOREIGN_DATA = """
MATCH (n) WHERE n:Person OR n:Movie OR n.note IS NOT NULL
RETURN elementId(n) AS id, labels(n) AS labels, properties(n) AS properties,
       [(n)-[r]-(m) | [elementId(r), type(r), properties(r), elementId(m)]] AS relationships
ORDER BY id
"""


class ExternalNeo4j:
    """A server of another user, and what that user does with it."""

    def __init__(self, server: LocalServer) -> None:
        self.process = psutil.Process(server.status().pid or 0)
        self.server = server.connection
        self._driver = GraphDatabase.driver(self.server.uri, auth=(self.server.user, self.server.password))

    def cypher(self, text: str) -> list[dict[str, Any]]:
        return [dict(record) for record in self._driver.execute_query(text).records]

    def schema(self) -> list[str]:
        rows = self.cypher("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name ORDER BY name")
        return [row["name"] for row in rows]

    def empty(self) -> None:
        self.cypher("MATCH (n) DETACH DELETE n")
        for row in self.cypher("SHOW CONSTRAINTS YIELD name"):
            self.cypher(f"DROP CONSTRAINT {row['name']}")
        for name in self.schema():
            self.cypher(f"DROP INDEX {name}")

    def close(self) -> None:
        self._driver.close()


@pytest.fixture(scope="module")
def external_neo4j(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExternalNeo4j]:
    server = LocalServer(tmp_path_factory.mktemp("external") / "neo4j")
    server.start()
    external = ExternalNeo4j(server)
    yield external
    external.close()
    server.stop()


@pytest.fixture
def external(external_neo4j: ExternalNeo4j, monkeypatch: pytest.MonkeyPatch) -> ExternalNeo4j:
    """An empty external server that NEO4J_URI names."""
    external_neo4j.empty()
    monkeypatch.setenv("NEO4J_URI", external_neo4j.server.uri)
    monkeypatch.setenv("NEO4J_PASSWORD", external_neo4j.server.password)
    return external_neo4j


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    return DataFolder.resolve(tmp_path / "data")


def refusal(folder: DataFolder) -> GraphdbError:
    """Return the error of connecting to the database. Nothing was written to the folder."""
    with pytest.raises(GraphdbError) as caught:
        connect(folder, GraphStore).close()
    assert not folder.store_file.exists()
    return caught.value


def test_an_empty_database_is_used_and_recognized_again(external: ExternalNeo4j, folder: DataFolder) -> None:
    for _ in range(2):
        with connect(folder, GraphStore) as store:
            assert store.store_id() == folder.store_file.read_text().strip()
    assert len(external.cypher("MATCH (n) RETURN n")) == 1


@pytest.mark.parametrize("named", [None, "movies"])
def test_a_database_of_others_is_refused_before_anything_is_written(
    named: str | None, external: ExternalNeo4j, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    external.cypher(MOVIES)
    before = external.cypher(FOREIGN_DATA)
    if named:
        monkeypatch.setenv("AFFINITY_SHARED_DATABASE", named)
    error = refusal(folder)
    assert isinstance(error, ForeignData)
    assert "'neo4j'" in str(error) and "5 nodes (:Movie, :Person) and 4 relationships" in str(error)
    assert "AFFINITY_SHARED_DATABASE=neo4j" in str(error) and "NEO4J_DATABASE" in str(error)
    assert external.schema() == [] and external.cypher(FOREIGN_DATA) == before


@pytest.mark.parametrize(
    ("data", "clash"),
    [("CREATE (:Video {id: 'v'}), (:Movie)", ":Video"), ("CREATE (:A)-[:INTER]->(:A)", "[:INTER]")],
)
def test_a_database_with_labels_of_ours_cannot_be_shared(
    data: str, clash: str, external: ExternalNeo4j, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    external.cypher(data)
    monkeypatch.setenv("AFFINITY_SHARED_DATABASE", "neo4j")
    error = refusal(folder)
    assert isinstance(error, ForeignData)
    assert f"Its {clash} could not be told from ours" in str(error)
    assert "AFFINITY_SHARED_DATABASE" not in str(error)
    assert external.schema() == []


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("CREATE INDEX theirs FOR (p:Patch) ON (p.id)", "theirs"),
        ("CREATE CONSTRAINT video_id FOR (m:Movie) REQUIRE m.title IS UNIQUE", "video_id"),
        ("CREATE INDEX segment_kind FOR (m:Movie) ON (m.kind)", "segment_kind"),
    ],
)
def test_a_schema_collision_is_reported_and_leaves_no_constraint(
    statement: str, named: str, external: ExternalNeo4j, folder: DataFolder
) -> None:
    external.cypher(statement)
    error = refusal(folder)
    assert "has something in the way of our constraints" in str(error) and "Nothing was changed" in str(error)
    assert external.schema() == [named]
    assert external.cypher("MATCH (n) RETURN n") == []


def test_a_constraint_like_ours_with_another_name_is_used(external: ExternalNeo4j, folder: DataFolder) -> None:
    external.cypher("CREATE CONSTRAINT another FOR (p:Patch) REQUIRE p.id IS UNIQUE")
    connect(folder, GraphStore).close()
    assert "another" in external.schema() and "patch_id" not in external.schema() and "video_id" in external.schema()
    with open_store(folder, CheckStore) as store:
        assert store.missing_indexes() == []


def test_a_missing_database_is_an_error_that_names_it(
    external: ExternalNeo4j, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_DATABASE", "movies")
    error = refusal(folder)
    assert isinstance(error, GraphAccessDenied)
    assert "movies" in str(error) and "NEO4J_DATABASE" in str(error)


def test_every_kind_of_query_uses_the_named_database(external: ExternalNeo4j) -> None:
    server = external.server
    video = Video("v" * 16, "v.mp4", 25.0, 4, 4, 1, 0.04, "m", 96)
    with GraphStore(server.uri, server.user, server.password, database="movies") as store:

        def write() -> None:
            store.write_video(video, 30, [], "0", 0)

        for query in (store.counts, store.contents, store.ensure_schema, write):
            with pytest.raises(Neo4jError) as caught:
                query()
            assert caught.value.code == "Neo.ClientError.Database.DatabaseNotFound"
    with GraphStore(server.uri, server.user, server.password, database="neo4j") as store:
        store.ensure_schema()
        store.write_video(video, 30, [], "0", 0)
        assert store.counts()["videos"] == 1


def test_status_reports_data_of_others(external: ExternalNeo4j, tmp_path: Path) -> None:
    graph = Graph(DataFolder.resolve(tmp_path), external.server, None)  # type: ignore[arg-type]
    empty = graph.json("graph", "status")
    assert (empty["database"], empty["store"], empty["foreign"]) == ("neo4j", None, None)
    assert set(empty["counts"].values()) == {0}
    external.cypher(MOVIES)
    full = graph.json("graph", "status")
    assert full["counts"] is None and full["foreign"].startswith("5 nodes (:Movie, :Person)")
    assert external.schema() == []


def test_the_doctor_reports_the_errors_of_commands(
    external: ExternalNeo4j, folder: DataFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def graph_check() -> Check:
        [check] = [check for check in neo4j(folder) if check.name == "graph"]
        return check

    assert graph_check() == Check("graph", "ok", "no data yet")
    external.cypher(MOVIES)
    foreign = graph_check()
    assert foreign.state == "problem" and "5 nodes (:Movie, :Person)" in foreign.found
    assert "AFFINITY_SHARED_DATABASE=neo4j" in foreign.remedy
    monkeypatch.setenv("AFFINITY_SHARED_DATABASE", "neo4j")
    assert graph_check().state == "ok"
    external.cypher("CREATE (:Video)")
    assert "cannot be shared" in graph_check().remedy and "AFFINITY_SHARED_DATABASE" not in graph_check().remedy
    external.empty()
    connect(folder, GraphStore).close()
    assert graph_check().found.startswith("belongs to the data folder, store ")
    folder.store_file.write_text("another\n")
    assert graph_check().state == "problem" and "--data (or NEO4J_URI)" in graph_check().remedy
    assert external.cypher("MATCH (n) RETURN labels(n) AS labels") == [{"labels": ["Store"]}]


@pytest.mark.slow
def test_every_command_works_beside_data_of_others_and_does_not_change_it(
    external: ExternalNeo4j, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clips: list[Path]
) -> None:
    external.cypher(MOVIES)
    external.cypher("CREATE (:Person {name: 'Dora'})-[:USES]->(:Movie {title: 'Snow'})")
    before = external.cypher(FOREIGN_DATA)
    monkeypatch.setenv("AFFINITY_SHARED_DATABASE", "neo4j")
    graph = Graph(DataFolder.resolve(tmp_path / "data"), external.server, None)  # type: ignore[arg-type]
    monkeypatch.setattr(Graph, "environment", graph.environment | {"AFFINITY_SHARED_DATABASE": "neo4j"})
    ingested = graph.json("ingest", *map(str, clips[:40]), "--parents", "2", "--min-parent-size", "4", "--workers", "1")
    counts = ingested["snapshot"]["counts"]
    assert counts["videos"] and counts["transitive"]
    # The setting is needed for the first use only: from then on our Store node is in the database.
    monkeypatch.setattr(Graph, "environment", graph.environment | {"AFFINITY_SHARED_DATABASE": ""})
    graph.run("cluster", "--parents", "2", "--min-parent-size", "4", "--workers", "1", "--refit")
    status = graph.json("graph", "status")
    assert status["counts"]["videos"] == counts["videos"] and status["foreign"] is None
    assert status["counts"]["intra"] == counts["intra"]
    graph.run("graph", "quality", "--labels", str(SAMPLES / "labels.csv"))
    with graph.service(free_port()) as url:
        graph.run("train", "--url", url, "--trunk", "resnet18", "--image-size", "32", "--batch", "4", "--steps", "1")
    graph.run("graph", "check")
    graph.run("graph", "check", "--repair")
    exported = graph.run("graph", "export", str(tmp_path / "exported"))
    assert "Left behind: 7 nodes (:Movie, :Person) and 5 relationships" in exported.stdout
    manifest = json.loads((tmp_path / "exported" / "graph.json").read_text())
    assert manifest["nodes"]["nodes.Video.csv"] == counts["videos"]
    assert {label for name in manifest["nodes"] for label in name.split(".")[1].split("+")} <= set(LABELS)
    for command in (["start"], ["stop"], ["reset", "--yes"], ["admin", "database", "info"]):
        refused = graph.run("graph", *command, check=False)
        assert refused.returncode == 1 and "is not ours" in refused.stderr
    assert external.process.is_running()
    assert external.cypher(FOREIGN_DATA) == before


def test_the_demo_does_not_use_the_external_server(
    external: ExternalNeo4j, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_DATABASE", "movies")
    demo = affinity.demo.Demo(tmp_path / "demo")
    assert [name for name in demo.environment if name.startswith("NEO4J")] == []
    status = demo.json("Status", "graph", "status")
    assert not status["running"] and status["uri"] != external.server.uri


@pytest.mark.parametrize(
    ("agent", "version"),
    [("Neo4j/5.23.0", "5.23.0"), ("Neo4j/5.26-aura", "5.26-aura"), ("Neo4j/2025.01.0", "2025.01.0")],
)
def test_supported_versions(agent: str, version: str) -> None:
    assert supported_version("bolt://db:7687", agent) == version


@pytest.mark.parametrize(
    ("agent", "found"),
    [
        ("Neo4j/5.22.0", "is Neo4j 5.22.0"),
        ("Neo4j/4.4.48", "is Neo4j 4.4.48"),
        ("Neo4j/v5.11.0 compatible graph database server - Memgraph", "Memgraph"),
        ("", "calls itself ''"),
    ],
)
def test_unsupported_versions(agent: str, found: str) -> None:
    with pytest.raises(GraphdbError) as caught:
        supported_version("bolt://db:7687", agent)
    assert found in str(caught.value) and f"needs Neo4j {minimum_version()} or newer" in str(caught.value)


def test_status_shows_the_version_of_the_server(external: ExternalNeo4j, tmp_path: Path) -> None:
    graph = Graph(DataFolder.resolve(tmp_path), external.server, None)  # type: ignore[arg-type]
    status = graph.run("graph", "status", "--json").stdout
    assert json.loads(status)["version"] == LocalServer(tmp_path / "neo4j").status().version
