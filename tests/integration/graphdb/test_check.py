"""`affinity graph check`: what is broken is named, what an interruption left is mended, and the rest is not touched."""

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
from graphdb.consistency.rules import rules, words
from graphdb.errors import ArchiveLocked, StoreMismatch
from graphdb.settings import Connection
from graphdb.store import queries
from tests.conftest import Graph, Wait, empty, open_graph
from tests.integration.fingerprint import fingerprint

LINKED = ("--parents", "2", "--min-parent-size", "4")


@pytest.fixture(scope="module")
def linked(scratch_server: Connection, tmp_path_factory: pytest.TempPathFactory, clips: list[Path]) -> Iterator[Graph]:
    """A small graph with everything in it. Whoever breaks it puts it right again."""
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


def checked(graph: Graph, mend: bool = False) -> Findings:
    return check(graph.folder, Console(file=StringIO()), mend=mend)


def said(findings: Findings) -> str:
    """What a person reads."""
    shown = StringIO()
    show(findings, Console(file=shown))
    return shown.getvalue()


def test_a_graph_that_ingest_made_is_sound(linked: Graph) -> None:
    findings = checked(linked)
    assert findings.found == []
    counts = linked.store.counts()
    assert min(counts.values()) > 0
    assert findings.checked["images"] == counts["patches"] + counts["frames"]
    assert set(findings.checked) == {
        *("schema", "ids", "tracks", "segments", "clusters", "snapshots", "images", "shards", "features", "fits")
    }
    assert said(findings).endswith("Graph and data folder are sound.\n")


class Broken(NamedTuple):
    """A graph spoiled by Cypher, how that is undone, and rules that must notice."""

    spoil: str
    undo: str
    rules: tuple[str, ...]


def altered(node: str, name: str, value: str, *rules: str) -> Broken:
    """One node with another value."""
    return Broken(
        f"MATCH {node} WITH n ORDER BY n.id LIMIT 1 SET n.was = n.{name} SET n.{name} = {value}",
        f"MATCH (n) WHERE n.was IS NOT NULL SET n.{name} = n.was REMOVE n.was",
        rules,
    )


def removed(path: str, kind: str, *rules: str) -> Broken:
    """One relationship less; `path` names it r, from a to b."""
    return Broken(
        f"MATCH {path} WITH a, r, b ORDER BY a.id, b.id LIMIT 1 "
        "CREATE (a)-[l:LOST]->(b) SET l = properties(r) DELETE r",
        f"MATCH (a)-[l:LOST]->(b) CREATE (a)-[r:{kind}]->(b) SET r = properties(l) DELETE l",
        rules,
    )


def added(path: str, kind: str, *rules: str) -> Broken:
    """One relationship more, from a to b."""
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
    "a track back in time": altered("(n:End)", "time", "-1.0", "tracks_later"),
    "a segment of nothing": removed("(a:Segment)-[r:OF]->(b:Video)", "OF", "segments_owner"),
    "a segment that counts too much": altered(
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
        # Of a segment with several: children are compared with each other.
        "(a:Start)-[r:MEMBER]->(b:Child)-[:IN]->(g:Segment) WHERE COUNT { (g)<-[:IN]-(:Child) } > 1",
        "MEMBER",
        "clusters_children",
    ),
    "children that belong to no segment": Broken(
        "MATCH (a:Child)-[r:IN]->(b:Segment) CREATE (a)-[:LOST]->(b) DELETE r",
        "MATCH (a:Child)-[r:LOST]->(b:Segment) CREATE (a)-[:IN]->(b) DELETE r",
        ("clusters_source", "ids_children", "snapshots_counts"),
    ),
    "a snapshot that miscounts": altered("(n:Snapshot)", "inter", "n.inter + 1", "snapshots_counts"),
    "a snapshot without one of its segments": removed("(a:Snapshot)-[r:USES]->(b)", "USES", "snapshots_counts"),
    "a snapshot that ended and holds on": Broken(
        "MATCH (s:Snapshot) SET s.ended = datetime()",
        "MATCH (s:Snapshot) REMOVE s.ended",
        ("snapshots_ended",),
    ),
    "a snapshot of another length": altered("(n:Snapshot)", "frames", "15", "snapshots_fit"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_and_mending_makes_it_no_worse(name: str, linked: Graph) -> None:
    spoil, undo, expected = BROKEN[name]
    linked.cypher(spoil)
    try:
        findings = checked(linked, mend=True)
    finally:
        linked.cypher(undo)
    assert {words(rule) for rule in expected} <= {finding.rule for finding in findings.found if not finding.mended}
    assert not findings.sound
    assert "Restore graph and data folder from backups that belong together" in said(findings)
    assert checked(linked).found == []


def test_every_rule_was_broken() -> None:
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
def test_what_is_not_what_its_id_says_is_named(node: str, name: str, value: str, rule: str, linked: Graph) -> None:
    spoil, undo, _ = altered(node, name, value)
    linked.cypher(spoil)
    findings = checked(linked)
    linked.cypher(undo)
    assert [finding.rule for finding in findings.found if finding.area != "features"] == [rule]


def overwrite(offset: int, data: bytes) -> Callable[[Path, int], object]:
    """Other bytes at so many bytes from an image."""

    def spoil(shard: Path, at: int) -> None:
        with shard.open("r+b") as file:
            file.seek(at + offset)
            file.write(data)

    return spoil


def cut_at(shard: Path, at: int) -> None:
    content = shard.read_bytes()
    shard.write_bytes(content[:at])


SPOILED: dict[str, tuple[Callable[[Path, int], object], str]] = {
    "no JPEG": (overwrite(0, b"what"), "some bytes in 000000.tar are no such JPEG"),
    "no header": (overwrite(-512, bytes(200)), "some have no tar header in 000000.tar"),
    "a shard cut short": (cut_at, "000000.tar is shorter than the graph says"),
    "a shard lost": (lambda shard, at: shard.unlink(), "000000.tar cannot be read (No such file or directory)"),
}


@pytest.mark.parametrize("name", SPOILED)
def test_damaged_pixels_are_named_with_their_video_and_not_mended(name: str, linked: Graph) -> None:
    spoil, kind = SPOILED[name]
    shard = shard_path(linked.folder.archive, "000000")
    whole = shard.read_bytes()
    [image] = linked.cypher("""
        MATCH (p:Patch)-[:FROM]->(v:Video) WITH p, v ORDER BY p.offset DESC LIMIT 1
        RETURN p.id AS id, p.offset AS at, v.uri AS uri""")
    spoil(shard, image["at"])
    findings = checked(linked, mend=True)
    shard.write_bytes(whole)
    [damage] = [finding for finding in findings.found if finding.area == "images"]
    assert damage.rule.endswith(f": {kind}.")
    assert image["id"] in damage.examples or damage.count > len(damage.examples)
    assert image["uri"] in damage.cure or damage.count > len(damage.examples)
    assert "videos: file://" in damage.cure
    assert "Restore the archive folder from the backup" in damage.cure
    assert not findings.sound
    assert checked(linked).found == []


@pytest.mark.parametrize(
    ("spoil", "undo", "kind"),
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
def test_pointers_that_lead_elsewhere_are_named(spoil: str, undo: str, kind: str, linked: Graph) -> None:
    first = "MATCH (n:Patch) WITH n ORDER BY n.id LIMIT 1 "
    linked.cypher(first + spoil)
    findings = checked(linked)
    linked.cypher(first + undo)
    assert [finding.rule.partition(": ")[2] for finding in findings.found] == [f"{kind}."]


def test_pixels_past_an_end_that_went_wrong_are_not_cut(linked: Graph) -> None:
    size = shard_path(linked.folder.archive, "000000").stat().st_size
    linked.cypher("MATCH (s:Shard) SET s.was = s.end SET s.end = 1024")
    findings = checked(linked, mend=True)
    linked.cypher("MATCH (s:Shard) SET s.end = s.was REMOVE s.was")
    assert not findings.sound
    assert "some lie beyond the committed end of 000000.tar" in said(findings)
    assert "do not ingest before" in said(findings) and "--repair removes" not in said(findings)
    assert shard_path(linked.folder.archive, "000000").stat().st_size == size
    assert checked(linked).found == []


def leave_everything(graph: Graph) -> None:
    """All that interruptions can leave, at once."""
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


def test_what_an_interruption_left_is_named_then_mended_and_the_graph_is_as_before(linked: Graph) -> None:
    leave_everything(linked)
    before = fingerprint(linked), files(linked.folder.root)
    found = linked.run("graph", "check", check=False)
    assert found.returncode == 1
    for sentence in (
        "Every constraint and index is there. Not so in 1 case: parent_fit. --repair makes it.",
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

    mended = linked.run("graph", "check", "--repair", check=False)
    assert mended.returncode == 0, mended.stdout
    assert checked(linked).found == []


def test_what_others_keep_beside_ours_is_not_mended_away(linked: Graph) -> None:
    theirs = [
        linked.folder.root / "thesis.1.tmp",
        linked.folder.archive / "notes.tmp",
        linked.folder.archive / "backup.tar",
        linked.folder.fits / "mine.v2.tmp",
    ]
    for path in theirs:
        path.write_text("precious")
    linked.cypher("CREATE (:Parent {id: 'p', name: 'Anna'}), (:Shard {id: 'glass', end: 5}), (:Snapshot {id: 'photo'})")
    try:
        findings = checked(linked, mend=True)
        assert [finding.rule for finding in findings.found if finding.mended] == []
        assert [path.read_text() for path in theirs] == ["precious"] * 4
        assert linked.cypher("MATCH (n) WHERE n.id IN ['p', 'glass', 'photo'] RETURN count(n) AS n") == [{"n": 3}]
    finally:
        linked.cypher("MATCH (n) WHERE n.id IN ['p', 'glass', 'photo'] DELETE n")
        for path in theirs:
            path.unlink()
    assert checked(linked).found == []


def test_a_fit_in_force_is_not_mended_away_but_made_again(linked: Graph) -> None:
    [pointer] = linked.folder.fits.glob("*.current")
    fit = linked.folder.fits / f"{pointer.read_text().strip()}.npz"
    whole, named = fit.read_bytes(), pointer.read_text()
    fit.write_bytes(whole[:100])
    assert "The fit in force can be read. Not so in 1 case" in said(checked(linked, mend=True))
    assert fit.exists()
    fit.write_bytes(whole)
    pointer.write_bytes(b"\xff\x00\xfe" * 300)
    assert "The fit in force is there. Not so in 1 case" in said(checked(linked, mend=True))
    pointer.write_text(named)
    assert checked(linked).found == []


def test_every_segment_is_looked_at_whatever_the_pages_hold(linked: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphdb.consistency.queries.SEGMENTS", 1)
    segments = "MATCH (g:Segment {kind: $kind}) WITH g ORDER BY g.id WITH collect(g) AS all UNWIND"
    for kind in ("intra", "inter"):
        spoil = f"{segments} [all[0], all[-1]] AS g MATCH (g)-[r:OF]->(o) DELETE r CREATE (g)-[:LOST]->(o) RETURN g.id"
        ids = [row["g.id"] for row in linked.cypher(spoil, kind=kind)]
        findings = checked(linked)
        linked.cypher("MATCH (g)-[l:LOST]->(o) DELETE l CREATE (g)-[:OF]->(o)")
        assert len(ids) == 2
        assert [finding.examples for finding in findings.found if "digest of its tracks" in finding.rule] == [ids]


def test_every_leftover_can_be_swept() -> None:
    for rule in rules():
        assert not rule.startswith("leftover") or f"sweep_{rule.removeprefix('leftover_')}" in queries.names()


def test_what_is_found_while_an_ingest_works_is_no_damage_yet(linked: Graph) -> None:
    with shard_path(linked.folder.archive, "000000").open("ab") as shard, writer_lock(linked.folder.archive):
        shard.write(bytes(512))
        linked.cypher("MATCH (s:Snapshot) SET s.inter = s.inter + 1")
        findings = checked(linked)
        linked.cypher("MATCH (s:Snapshot) SET s.inter = s.inter - 1")
    assert [finding.cure for finding in findings.found] == ["Check again when the ingest has ended."]
    assert "estore" not in said(findings) and said(findings).endswith("1 problem remains.\n")
    assert checked(linked, mend=True).sound


def test_a_writer_at_work_is_not_disturbed(linked: Graph) -> None:
    with writer_lock(linked.folder.archive):
        with pytest.raises(ArchiveLocked, match="Another command is writing"):
            checked(linked, mend=True)
        findings = checked(linked)
    assert findings.sound
    assert "A command is writing to this folder" in said(findings)


def test_folder_and_graph_of_different_stores_are_refused(linked: Graph) -> None:
    own = linked.folder.store_file.read_text()
    linked.folder.store_file.write_text("another\n")
    with pytest.raises(StoreMismatch):
        checked(linked, mend=True)
    linked.folder.store_file.write_text(own)


def test_new_graph_and_folder_are_sound(graph: Graph) -> None:
    assert checked(graph).sound
    graph.cypher("MATCH (n) DETACH DELETE n")
    graph.folder.store_file.unlink()
    assert said(checked(graph, mend=True)).endswith("there is nothing to check.\n")
    assert not list(graph.folder.root.iterdir())


def test_after_a_kill_mending_leaves_a_sound_graph_that_ingest_goes_on_with(
    graph: Graph, clips: list[Path], wait_for: Wait
) -> None:
    process = graph.start("ingest", *map(str, clips[:16]), *LINKED)
    wait_for(lambda: graph.store.counts()["videos"] > 3)
    process.kill()
    process.communicate()
    with shard_path(graph.folder.archive, "000000").open("ab") as shard:
        shard.write(b"what it was writing")
    assert checked(graph, mend=True).sound
    assert checked(graph).found == []
    graph.run("ingest", *map(str, clips[:16]), *LINKED)
    assert checked(graph).found == []


def test_groups_of_another_size_are_sound(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", *map(str, clips[:30]), "--parents", "2", "--min-parent-size", "4", "--clique-size", "3")
    [row] = graph.cypher("MATCH (c:Child) RETURN count(c) AS children, max(COUNT { (c)<-[:MEMBER]-() }) AS members")
    assert row["children"] and row["members"] == 3
    assert checked(graph).found == []


def test_a_graph_that_lost_its_patches_keeps_their_pixels(graph: Graph, clips: list[Path]) -> None:
    graph.run("ingest", str(clips[0]), "--no-link")
    [shard] = graph.folder.archive.glob("*.tar")
    pixels = shard.read_bytes()
    graph.cypher("MATCH (p:Patch) DETACH DELETE p")
    graph.cypher("MATCH (f:Frame) DETACH DELETE f")
    findings = checked(graph, mend=True)
    assert not findings.sound
    assert "do not ingest before" in said(findings)
    assert shard.read_bytes() == pixels
    assert graph.store.shards() == {"000000": len(pixels)}
