"""Query plans: the server plans every query of the project without a warning, and with an index where one exists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from neo4j import GraphDatabase, NotificationMinimumSeverity

from graphdb.model import LABELS
from graphdb.store import queries
from tests.conftest import Graph

PARAMETERS: dict[str, dict[str, Any]] = {
    **{name: {"most": 1} for name in queries.names() if name.startswith("check/")},
    **{name: {"labels": list(LABELS)} for name in queries.names() if name.startswith("export/")},
    "assigned_starts": {"fit": "f"},
    "begin_forgetting": {"videos": ["v"]},
    "claim_keys": {"kind": "inter", "count": 1},
    "claim_store": {"id": "s"},
    "create_snapshot": {"id": "s", "fit": "f", "frames": 30, "settings": "{}", "recipe": "{}"},
    **{f"delete_{things}": {"segments": ["g"]} for things in ("edges", "tracks")},
    "delete_parents": {"fit": "f"},
    "delete_patches": {"video": "v"},
    "delete_placements": {"fit": "f", "count": 1},
    "delete_videos": {"videos": ["v"]},
    "edges_around": {"video": "v"},
    "end_snapshot": {"id": "s", "successor": "t"},
    "follow_successor": {"id": "s", "successor": "t"},
    "frame": {"id": "f"},
    "held_by_videos": {"videos": ["v"]},
    **{
        f"move_{things}": {"images": [{"id": "p", "shard": "000001", "offset": 512}]}
        for things in ("patches", "frames")
    },
    **{f"page_{things}": {"after": "", "count": 1} for things in ("patches", "frames", "tracks", "edges")},
    "other_crops": {"crop": 96},
    "patch": {"id": "p"},
    "pixels": {"ids": ["p"]},
    "publish_snapshot": {"id": "s", "replaces": "r"},
    "put_in_force": {"id": "g"},
    "rest_of_snapshot": {"id": "s"},
    "sample_frames": {"keys": [1]},
    "sample_inter": {"keys": [1], "aEnds": [True], "bEnds": [False], "frames": 30},
    "sample_intra": {"keys": [1], "fit": "f"},
    "segment": {"id": "g"},
    "segment_starts": {"ids": ["g"]},
    "segments": {"id": "s"},
    "segments_by_inputs": {"inputs": ["i"]},
    "shard_images": {"shard": "000000"},
    "show_children": {"id": "s", "videos": ["v"]},
    "show_members": {"children": ["c"]},
    "show_tracks": {"starts": ["p"], "frames": 30},
    "snapshot": {"id": "s"},
    "snapshot_edges": {"id": "s"},
    "snapshot_inter": {"id": "s"},
    "snapshot_starts": {"id": "s"},
    "snapshot_takes": {"id": "s"},
    "sweep_shards": {"ids": ["000000"]},
    "takes": {"segments": ["g"]},
    "touch_snapshot": {"id": "s"},
    "tracked_starts": {"frames": 30},
    "unused_segments": {"kept": ["s"]},
    "uris": {"ids": ["v"]},
    "use_segments": {"id": "s", "segments": ["g"]},
    "write_children": {"segment": "g", "children": [["a", "b", "c", "d"]]},
    "write_copies": {"segment": "g", "copies": [["a", "b", 0.9]]},
    "write_inter": {"first": 0, "edges": [["a", "b", 0.5]]},
    "write_inter_segment": {"parent": "p", "id": "g", "first": 0, "count": 1, "inputs": "i"},
    "write_intra_segment": {"video": "v", "id": "g", "first": 0, "count": 1, "mining": "m", "frames": 30},
    "write_parents": {"fit": "f", "rows": [{"start": "s", "parent": "p", "number": 1}]},
    "write_shard": {"id": "000000", "end": 1},
    "write_tracks": {"video": "v", "first": 0, "tracks": [{"start": {"id": "a"}, "end": {"id": "b"}, "frames": 30}]},
    "write_video": {"video": {"id": "v"}},
}
LABEL_SCANS = {
    # These queries need all nodes of a label, so a label scan is right.
    "shards": {"Shard"},
    "other_crops": {"Video"},
    "videos": {"Video"},
    "forgotten": {"Video"},
    "fits": {"Parent"},
    "intra_segments": {"Segment"},
    "live_bytes": {"Patch", "Frame"},
    "shard_images": {"Patch", "Frame"},
    "sweep_parents": {"Parent"},
    "unused_segments": {"Segment"},
}
EXPORT = "AllNodesScan"
"""An export reads all nodes once, and finds the relationships from there."""
READ_ONCE = {"NodeByLabelScan", "DirectedRelationshipTypeScan"}
"""A rule of `affinity graph check` reads all nodes of one label, or all relationships of one type, once. It finds the
rest by index, or along relationships."""


def operators(plan: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every operator of a plan, with its details."""
    yield plan["operatorType"].partition("@")[0], str(plan.get("args", {}).get("Details", ""))
    for child in plan.get("children", []):
        yield from operators(child)


@pytest.fixture(scope="module")
def explain(world: Graph) -> Iterator[Any]:
    """Plan a query on a graph that has everything, so that only a misspelled name is unknown."""
    server = world.server
    auth = (server.user, server.password)
    with GraphDatabase.driver(
        server.uri, auth=auth, notifications_min_severity=NotificationMinimumSeverity.INFORMATION
    ) as driver:
        for name in ("ended", "successor", "forgotten", "read", "thing"):  # properties that this graph does not have
            driver.execute_query("CALL db.createProperty($name)", {"name": name})
        yield lambda text, parameters: driver.execute_query("EXPLAIN " + text, parameters).summary


@pytest.mark.parametrize("name", [name for name in queries.names() if name != "schema"])
def test_a_query_is_planned_without_warning_and_with_indexes(name: str, explain: Any) -> None:
    summary = explain(queries.text(name), PARAMETERS.get(name, {}))
    assert [status for status in summary.gql_status_objects if not status.gql_status.startswith("00")] == []
    found = list(operators(summary.plan))
    if name.startswith("export/"):
        assert [operator for operator, _ in found if "Scan" in operator] == [EXPORT]
        return
    scans = [(operator, details) for operator, details in found if "Scan" in operator and "IndexScan" not in operator]
    if name.startswith("check/"):
        assert len(scans) <= 1 and READ_ONCE.issuperset(operator for operator, _ in scans), scans
        return
    for operator, details in scans:
        assert any(f":{label}" in details for label in LABEL_SCANS.get(name, ())), (operator, details)


def test_the_schema_can_be_created_twice(graph: Graph) -> None:
    before = graph.cypher("SHOW CONSTRAINTS YIELD name RETURN collect(name) AS names")
    graph.store.ensure_schema()
    assert graph.cypher("SHOW CONSTRAINTS YIELD name RETURN collect(name) AS names") == before
    assert len(before[0]["names"]) == sum("CONSTRAINT" in text for text in queries.statements("schema"))
