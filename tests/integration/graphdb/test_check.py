"""`affinity graph check`: it reports damage, removes what an interruption left, and changes nothing else."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from rich.console import Console

from graphdb.archive.shards import shard_path
from graphdb.archive.writer import writer_lock
from graphdb.consistency.check import check
from graphdb.consistency.findings import Findings
from graphdb.consistency.report import show
from graphdb.consistency.rules import rule_text, rules
from graphdb.errors import ArchiveLocked, StoreMismatch
from graphdb.settings import Connection
from graphdb.store import queries
from tests.conftest import Graph, Wait, empty, open_graph
from tests.integration.fingerprint import fingerprint

LINKED = ("--parents", "2", "--members", "4")


@pytest.fixture(scope="module")
def linked(scratch_server: Connection, tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> Iterator[Graph]:
    """A small graph with everything in it. A test that damages it must undo the damage."""
    empty(scratch_server)
    graph = open_graph(tmp_path_factory.mktemp("linked"), scratch_server)
    graph.run("ingest", *map(str, clips[:16]), *LINKED)
    yield graph
    graph.close()


@pytest.fixture(autouse=True)
def server(scratch_server: Connection, monkeypatch: pytest.MonkeyPatch, clean_environment: None) -> None:
    monkeypatch.setenv("NEO4J_URI", scratch_server.uri)
    monkeypatch.setenv("NEO4J_USER", scratch_server.user)
    monkeypatch.setenv("NEO4J_PASSWORD", scratch_server.password)


def checked(graph: Graph, repair: bool = False) -> Findings:
    return check(graph.folder, Console(file=StringIO()), repair=repair)


def shown(findings: Findings) -> str:
    """Return the text that the user sees."""
    output = StringIO()
    show(findings, Console(file=output))
    return output.getvalue()


def test_a_graph_of_ingest_has_no_problem(linked: Graph) -> None:
    findings = checked(linked)
    assert findings.found == []
    counts = linked.store.counts()
    assert min(counts.values()) > 0
    assert findings.checked["images"] == counts["patches"] + counts["frames"]
    assert set(findings.checked) == {
        *("schema", "ids", "tracks", "segments", "clusters", "snapshots", "images", "shards", "features", "fits")
    }
    assert shown(findings).endswith("Graph and data folder are sound.\n")


class Broken(NamedTuple):
    """Cypher that damages a graph, Cypher that undoes the damage, and the rules that must be violated."""

    damage: str
    undo: str
    rules: tuple[str, ...]


def altered(node: str, name: str, value: str, *rules: str) -> Broken:
    """Change one value of one node."""
    return Broken(
        f"MATCH {node} WITH n ORDER BY n.id LIMIT 1 SET n.was = n.{name} SET n.{name} = {value}",
        f"MATCH (n) WHERE n.was IS NOT NULL SET n.{name} = n.was REMOVE n.was",
        rules,
    )


def removed(path: str, kind: str, *rules: str) -> Broken:
    """Remove one relationship, which `path` calls r, from a to b."""
    return Broken(
        f"MATCH {path} WITH a, r, b ORDER BY a.id, b.id LIMIT 1 "
        "CREATE (a)-[l:LOST]->(b) SET l = properties(r) DELETE r",
        f"MATCH (a)-[l:LOST]->(b) CREATE (a)-[r:{kind}]->(b) SET r = properties(l) DELETE l",
        rules,
    )


def added(path: str, kind: str, *rules: str) -> Broken:
    """Add one relationship from a to b."""
    return Broken(
        f"MATCH {path} WITH a, b ORDER BY a.id, b.id LIMIT 1 CREATE (a)-[:{kind} {{extra: true}}]->(b)",
        f"MATCH ()-[r:{kind} {{extra: true}}]->() DELETE r",
        rules,
    )


TWO_PARENTS = "(a:Start)-[:IN]->(p:Parent), (b:Parent) WHERE b.fit = p.fit AND b <> p"
BROKEN = {
    "a video renamed": altered("(n:Video)", "id", "'video'", "ids_videos", "ids_starts"),
    "a start moved": altered("(n:Start)", "x", "n.x + 1", "ids_starts"),
    "an end renamed": altered("(n:End)", "id", "n.id + '0'", "ids_ends"),
    "a frame renamed": altered("(n:Frame)", "id", "n.id + '0'", "ids_frames"),
    "a parent renumbered": altered("(n:Parent)", "number", "n.number + 1", "ids_parents"),
    "a child renamed": altered("(n:Child)", "id", "'child-0'", "ids_children"),
    "a patch without a video": removed("(a:Patch)-[r:FROM]->(b:Video)", "FROM", "tracks_video", "ids_starts"),
    "a patch of two videos": added("(a:Patch)-[:FROM]->(v:Video), (b:Video) WHERE v <> b", "FROM", "tracks_video"),
    "a patch of two roles": Broken(
        "MATCH (b:End) WITH b LIMIT 1 SET b:Start, b.both = true",
        "MATCH (b:End {both: true}) REMOVE b:Start, b.both",
        ("tracks_role", "tracks_start"),
    ),
    "a track lost": removed(
        "(a:Start)-[r:INTRA]->(b:End)", "INTRA", "tracks_start", "ids_ends", "segments_tracks", "segments_complete"
    ),
    "a track that goes back in time": altered("(n:End)", "time", "-1.0", "tracks_later"),
    "a segment without a video": removed("(a:Segment)-[r:OF]->(b:Video)", "OF", "segments_owner"),
    "a segment with too high a count": altered(
        "(n:Segment {kind: 'inter'})", "count", "1000000", "segments_edges", "segments_complete"
    ),
    "segments that share keys": Broken(
        "MATCH (n:Segment {kind: 'intra'}) WHERE n.count > 0 SET n.was = n.first SET n.first = 0",
        "MATCH (n:Segment) WHERE n.was IS NOT NULL SET n.first = n.was REMOVE n.was",
        ("segments_apart",),
    ),
    "a counter set back": altered("(n:Counter {kind: 'inter'})", "next", "n.next - 1", "segments_counter"),
    "an edge lost": removed(
        "(a:Start)-[r:INTER]->(b:Start)", "INTER", "segments_edges", "clusters_joined", "segments_complete"
    ),
    "a member that left its parent": removed(
        "(a:Start)-[r:IN]->(b:Parent) WHERE (a)-[:MEMBER]->()", "IN", "clusters_edges", "clusters_children"
    ),
    "a start in two parents": added(TWO_PARENTS, "IN", "clusters_once"),
    "a copy that no parent found": added("(a:Video), (b:Video) WHERE a.id < b.id", "COPY", "clusters_copies"),
    "a child that lost a member": removed(
        # The segment needs several children: they are compared with each other.
        "(a:Start)-[r:MEMBER]->(b:Child)-[:IN]->(g:Segment) WHERE COUNT { (g)<-[:IN]-(:Child) } > 1",
        "MEMBER",
        "clusters_children",
    ),
    "children that belong to no segment": Broken(
        "MATCH (a:Child)-[r:IN]->(b:Segment) CREATE (a)-[:LOST]->(b) DELETE r",
        "MATCH (a:Child)-[r:LOST]->(b:Segment) CREATE (a)-[:IN]->(b) DELETE r",
        ("clusters_source", "ids_children", "snapshots_counts"),
    ),
    "a snapshot with wrong counts": altered("(n:Snapshot)", "inter", "n.inter + 1", "snapshots_counts"),
    "a snapshot without one of its segments": removed("(a:Snapshot)-[r:USES]->(b)", "USES", "snapshots_counts"),
    "an ended snapshot that still holds its segments": Broken(
        "MATCH (s:Snapshot) SET s.ended = datetime()",
        "MATCH (s:Snapshot) REMOVE s.ended",
        ("snapshots_ended",),
    ),
    "a snapshot of another length": altered("(n:Snapshot)", "frames", "15", "snapshots_fit"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_violated_rule_is_reported_and_repair_makes_it_no_worse(name: str, linked: Graph) -> None:
    damage, undo, expected = BROKEN[name]
    linked.cypher(damage)
    try:
        findings = checked(linked, repair=True)
    finally:
        linked.cypher(undo)
    assert {rule_text(rule) for rule in expected} <= {
        finding.rule for finding in findings.found if not finding.repaired
    }
    assert not findings.sound
    assert "Restore graph and data folder from backups that belong together" in shown(findings)
    assert checked(linked).found == []


def test_every_rule_has_a_test() -> None:
    broken = {rule for case in BROKEN.values() for rule in case.rules}
    assert broken == {rule for rule in rules() if not rule.startswith("leftover")}


@pytest.mark.parametrize(
    ("node", "name", "value", "rule"),
    [
        ("(n:Segment {kind: 'inter'})", "inputs", "'x'", "The id of a segment is the digest of its tracks or edges."),
        ("(n:Segment {kind: 'intra'})", "mining", "'x'", "The id of a segment is the digest of its tracks or edges."),
        ("(n:Snapshot)", "settings", "'{}'", "The id of a snapshot is the digest of its segments."),
    ],
)
def test_content_that_differs_from_its_id_is_reported(
    node: str, name: str, value: str, rule: str, linked: Graph
) -> None:
    damage, undo, _ = altered(node, name, value)
    linked.cypher(damage)
    findings = checked(linked)
    linked.cypher(undo)
    assert [finding.rule for finding in findings.found if finding.area != "features"] == [rule]


def overwrite(offset: int, data: bytes) -> Callable[[Path, int], object]:
    """Write other bytes, `offset` bytes from the start of an image."""

    def overwrite_shard(shard: Path, at: int) -> None:
        with shard.open("r+b") as file:
            file.seek(at + offset)
            file.write(data)

    return overwrite_shard


def cut_at(shard: Path, at: int) -> None:
    content = shard.read_bytes()
    shard.write_bytes(content[:at])


DAMAGED: dict[str, tuple[Callable[[Path, int], object], str]] = {
    "no JPEG": (overwrite(0, b"what"), "some bytes in 000000.tar are no such JPEG"),
    "no header": (overwrite(-512, bytes(200)), "some have no tar header in 000000.tar"),
    "a shard cut short": (cut_at, "000000.tar is shorter than the graph says"),
    "a shard lost": (lambda shard, at: shard.unlink(), "000000.tar cannot be read (No such file or directory)"),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_images_are_reported_with_their_videos_and_not_repaired(name: str, linked: Graph) -> None:
    damage_shard, kind = DAMAGED[name]
    shard = shard_path(linked.folder.archive, "000000")
    whole = shard.read_bytes()
    [image] = linked.cypher("""
        MATCH (p:Patch)-[:FROM]->(v:Video) WITH p, v ORDER BY p.offset DESC LIMIT 1
        RETURN p.id AS id, p.offset AS at, v.uri AS uri""")
    damage_shard(shard, image["at"])
    findings = checked(linked, repair=True)
    shard.write_bytes(whole)
    [damage] = [finding for finding in findings.found if finding.area == "images"]
    assert damage.rule.endswith(f": {kind}.")
    assert image["id"] in damage.examples or damage.count > len(damage.examples)
    assert image["uri"] in damage.remedy or damage.count > len(damage.examples)
    assert "videos: file://" in damage.remedy
    assert "Restore the archive folder from the backup" in damage.remedy
    assert not findings.sound
    assert checked(linked).found == []


@pytest.mark.parametrize(
    ("damage", "undo", "kind"),
    [
        ("SET n.offset = n.offset + 512", "SET n.offset = n.offset - 512", "some have no tar header in 000000.tar"),
        (
            "SET n.offset = n.offset + 1",
            "SET n.offset = n.offset - 1",
            "some lie in 000000.tar where no image can begin",
        ),
        ("SET n.size = n.size - 1", "SET n.size = n.size + 1", "some places in 000000.tar hold another image"),
    ],
)
def test_wrong_pointers_are_reported(damage: str, undo: str, kind: str, linked: Graph) -> None:
    first = "MATCH (n:Patch) WITH n ORDER BY n.id LIMIT 1 "
    linked.cypher(first + damage)
    findings = checked(linked)
    linked.cypher(first + undo)
    assert [finding.rule.partition(": ")[2] for finding in findings.found] == [f"{kind}."]


def test_images_beyond_a_wrong_end_are_not_cut_off(linked: Graph) -> None:
    size = shard_path(linked.folder.archive, "000000").stat().st_size
    linked.cypher("MATCH (s:Shard) SET s.was = s.end SET s.end = 1024")
    findings = checked(linked, repair=True)
    linked.cypher("MATCH (s:Shard) SET s.end = s.was REMOVE s.was")
    assert not findings.sound
    assert "some lie beyond the committed end of 000000.tar" in shown(findings)
    assert "do not ingest before" in shown(findings) and "--repair removes" not in shown(findings)
    assert shard_path(linked.folder.archive, "000000").stat().st_size == size
    assert checked(linked).found == []


def leave_everything(graph: Graph) -> None:
    """Make everything at once that an interruption can leave."""
    with shard_path(graph.folder.archive, "000000").open("ab") as shard:
        shard.write(bytes(2048))
    shard_path(graph.folder.archive, "000009").write_bytes(bytes(512))
    for place in (graph.folder.root / "store", graph.folder.fits / "fit.npz"):
        place.with_name(f"{place.name}.77.tmp").write_text("half")
    features = sorted(graph.folder.features.rglob("*.npy"))
    features[0].with_suffix(".npy.77.tmp").write_text("half")
    np.save(features[0], np.load(features[0])[:0])
    features[1].write_bytes(features[1].read_bytes()[:-10])
    shutil.copy(features[2], features[2].with_name("0123456789abcdef.npy"))
    features[2].with_name("fedcba9876543210-0123456789abcdef.npy").write_text("unreadable, of no video")
    (graph.folder.fits / "0123456789abcdef.npz").write_text("damaged, not in force")
    graph.cypher("""
        MATCH (g:Segment {kind: 'intra'}) WITH g LIMIT 1
        CREATE (:Snapshot {id: 'half', created: datetime(), settings: '{}', frames: 30})-[:USES]->(g)""")
    graph.cypher("CREATE (:Parent {id: 'fit-00009', fit: 'fit', number: 9}), (:Shard {id: '000005', end: 512})")
    graph.cypher("DROP INDEX parent_fit")


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_leftovers_are_reported_and_then_removed_without_a_change_to_the_graph(linked: Graph) -> None:
    leave_everything(linked)
    before = fingerprint(linked), files(linked.folder.root)
    found = linked.run("graph", "check", check=False)
    assert found.returncode == 1
    for sentence in (
        "Every constraint and index is there. Not so in 1 case: parent_fit. --repair creates it.",
        "No snapshot is left unpublished. Not so in 1 case: half. --repair removes it.",
        "No parent is left without starts. Not so in 1 case: fit-00009. --repair removes it.",
        "No file is left half written. Not so in 3 cases: store.77.tmp, ",
        "Something points into every shard. Not so in 1 case: 000005. --repair removes it.",
        "No shard goes on past what was committed. Not so in 2 cases: archive/000000.tar, archive/000009.tar.",
        "Features have a row for each start of their segment. Not so in 4 cases: ",
        "No fit is left that cannot be read. Not so in 1 case: fits/0123456789abcdef.npz. --repair removes it.",
    ):
        assert sentence in found.stdout
    assert (fingerprint(linked), files(linked.folder.root)) == before

    repaired = linked.run("graph", "check", "--repair", check=False)
    assert repaired.returncode == 0, repaired.stdout
    assert checked(linked).found == []


def test_repair_does_not_remove_files_and_nodes_of_others(linked: Graph) -> None:
    others = [
        linked.folder.root / "thesis.1.tmp",
        linked.folder.archive / "notes.tmp",
        linked.folder.archive / "backup.tar",
        linked.folder.fits / "mine.v2.tmp",
    ]
    for path in others:
        path.write_text("precious")
    linked.cypher("CREATE (:Parent {id: 'p', name: 'Anna'}), (:Shard {id: 'glass', end: 5}), (:Snapshot {id: 'photo'})")
    try:
        findings = checked(linked, repair=True)
        assert [finding.rule for finding in findings.found if finding.repaired] == []
        assert [path.read_text() for path in others] == ["precious"] * 4
        assert linked.cypher("MATCH (n) WHERE n.id IN ['p', 'glass', 'photo'] RETURN count(n) AS n") == [{"n": 3}]
    finally:
        linked.cypher("MATCH (n) WHERE n.id IN ['p', 'glass', 'photo'] DELETE n")
        for path in others:
            path.unlink()
    assert checked(linked).found == []


def test_repair_does_not_remove_a_damaged_cluster_model_in_force(linked: Graph) -> None:
    [pointer] = linked.folder.fits.glob("*.current")
    fit = linked.folder.fits / f"{pointer.read_text().strip()}.npz"
    whole, named = fit.read_bytes(), pointer.read_text()
    fit.write_bytes(whole[:100])
    assert "The fit in force can be read. Not so in 1 case" in shown(checked(linked, repair=True))
    assert fit.exists()
    fit.write_bytes(whole)
    pointer.write_bytes(b"\xff\x00\xfe" * 300)
    assert "The fit in force is there. Not so in 1 case" in shown(checked(linked, repair=True))
    pointer.write_text(named)
    assert checked(linked).found == []


def test_every_segment_is_checked_whatever_the_page_size(linked: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphdb.consistency.queries.SEGMENTS_PER_PAGE", 1)
    segments = "MATCH (g:Segment {kind: $kind}) WITH g ORDER BY g.id WITH collect(g) AS all UNWIND"
    for kind in ("intra", "inter"):
        damage = f"{segments} [all[0], all[-1]] AS g MATCH (g)-[r:OF]->(o) DELETE r CREATE (g)-[:LOST]->(o) RETURN g.id"
        ids = [row["g.id"] for row in linked.cypher(damage, kind=kind)]
        findings = checked(linked)
        linked.cypher("MATCH (g)-[l:LOST]->(o) DELETE l CREATE (g)-[:OF]->(o)")
        assert len(ids) == 2
        assert [finding.examples for finding in findings.found if "digest of its tracks" in finding.rule] == [ids]


def test_every_rule_about_leftovers_has_a_query_that_removes_them() -> None:
    for rule in rules():
        assert not rule.startswith("leftover") or f"sweep_{rule.removeprefix('leftover_')}" in queries.names()


def test_findings_during_an_ingest_are_marked_as_unreliable(linked: Graph) -> None:
    with shard_path(linked.folder.archive, "000000").open("ab") as shard, writer_lock(linked.folder.archive):
        shard.write(bytes(512))
        linked.cypher("MATCH (s:Snapshot) SET s.inter = s.inter + 1")
        findings = checked(linked)
        linked.cypher("MATCH (s:Snapshot) SET s.inter = s.inter - 1")
    assert [finding.remedy for finding in findings.found] == ["Check again when the ingest has ended."]
    assert "estore" not in shown(findings) and shown(findings).endswith("1 problem remains.\n")
    assert checked(linked, repair=True).sound


def test_repair_is_refused_while_another_command_writes(linked: Graph) -> None:
    with writer_lock(linked.folder.archive):
        with pytest.raises(ArchiveLocked, match="Another command is writing"):
            checked(linked, repair=True)
        findings = checked(linked)
    assert findings.sound
    assert "A command is writing to this folder" in shown(findings)


def test_a_folder_of_another_store_is_refused(linked: Graph) -> None:
    own = linked.folder.store_file.read_text()
    linked.folder.store_file.write_text("another\n")
    with pytest.raises(StoreMismatch):
        checked(linked, repair=True)
    linked.folder.store_file.write_text(own)


def test_a_new_graph_and_folder_have_no_problem(graph: Graph) -> None:
    assert checked(graph).sound
    graph.cypher("MATCH (n) DETACH DELETE n")
    graph.folder.store_file.unlink()
    assert shown(checked(graph, repair=True)).endswith("there is nothing to check.\n")
    assert not list(graph.folder.root.iterdir())


def test_after_a_kill_repair_leaves_a_graph_that_ingest_continues_with(
    graph: Graph, clips: list[Path], wait_for: Wait
) -> None:
    process = graph.start("ingest", *map(str, clips[:16]), *LINKED)
    wait_for(lambda: graph.store.counts()["videos"] > 3)
    process.kill()
    process.communicate()
    with shard_path(graph.folder.archive, "000000").open("ab") as shard:
        shard.write(b"what it was writing")
    assert checked(graph, repair=True).sound
    assert checked(graph).found == []
    graph.run("ingest", *map(str, clips[:16]), *LINKED)
    assert checked(graph).found == []


def test_cliques_of_another_size_are_no_problem(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", *map(str, clips[:30]), "--parents", "2", "--members", "4", "--set", "group=3")
    [row] = graph.cypher("MATCH (c:Child) RETURN count(c) AS children, max(COUNT { (c)<-[:MEMBER]-() }) AS members")
    assert row["children"] and row["members"] == 3
    assert checked(graph).found == []


def test_the_images_of_a_graph_that_lost_its_patches_are_kept(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", str(clips[0]), "--no-link")
    [shard] = graph.folder.archive.glob("*.tar")
    pixels = shard.read_bytes()
    graph.cypher("MATCH (p:Patch) DETACH DELETE p")
    graph.cypher("MATCH (f:Frame) DETACH DELETE f")
    findings = checked(graph, repair=True)
    assert not findings.sound
    assert "do not ingest before" in shown(findings)
    assert shard.read_bytes() == pixels
    assert graph.store.shards() == {"000000": len(pixels)}
