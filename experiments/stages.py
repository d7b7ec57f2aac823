"""The jobs of the experiment: draw the world, mine it, link graphs, train on them, and measure the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.commands import Affinity
from experiments.jobs import Job, Result
from experiments.labels import publish_true_edges, write_crops
from experiments.measure import HeldOut, invariance, neighbors
from experiments.plan import CANDIDATES, CONTEXT, FIRST, GRAPHS, ROWS, TRUE, Graph, Row, Scale
from experiments.world import BACKGROUNDS, Part, World, WorldSettings, groups, make_tracks, make_world
from foundation.data_folder import DataFolder
from ingest.cli import SKIPPED
from trainer.models.trunk import Trunk
from trainer.models.weights import load_trunk
from trainer.runs.loading import untrained
from trainer.settings import TrainSettings

NO_COPIES = ("--copy-similarity", "1")
"""Turn off the search for copies: clips that share a background photograph would be taken for copies."""


@dataclass(frozen=True)
class Setup:
    """The folder of the experiment, the part of the objects, and the scale."""

    root: Path
    part: Part
    scale: Scale
    workers: int = 2

    @property
    def world_settings(self) -> WorldSettings:
        return WorldSettings(self.part, self.scale.seed, self.scale.clips)

    @property
    def world(self) -> World:
        return World(self.root / "world")

    @property
    def tracks(self) -> World:
        """Clips of the held-out objects, to measure distances on."""
        return World(self.root / "tracks")

    @property
    def affinity(self) -> Affinity:
        return Affinity(self.root / "data", self.root / "logs")

    def trunk(self, row: str, seed: int) -> Path:
        return self.affinity.data / "runs" / f"{row}-{seed}" / "trunk.safetensors"

    def scores(self, row: str, seed: int) -> Path:
        return self.root / "scores" / f"{row}-{seed}.npz"


def preparation(setup: Setup) -> Iterator[Job]:
    """Yield the jobs that draw and mine the world. Each uses all cores, so they run one after another."""

    def draw(_: object) -> Result:
        make_world(setup.world.root, setup.world_settings, setup.workers)
        if setup.part == "report":
            make_tracks(setup.tracks.root, setup.world_settings, setup.workers)
        return asdict(setup.world_settings)

    def crops(_: object) -> Result:
        folder = DataFolder.resolve(setup.affinity.data)
        return {"tracks": write_crops(folder, setup.world.labels, setup.root / "crops")}

    yield Job("draw", draw)
    yield Job("ingest-30", lambda _: _ingest(setup.affinity, setup.world, "ingest-30"), ["draw"])
    if setup.part == "report":
        again = ("--remine", "--track-frames", "15")
        yield Job("tracks", lambda _: _held_out_tracks(setup), ["draw"])
        yield Job("crops", crops, ["ingest-30"])
        yield Job("ingest-15", lambda _: _ingest(setup.affinity, setup.world, "ingest-15", *again), ["crops"])


def _ingest(affinity: Affinity, world: World, log: str, *options: str) -> Result:
    return affinity.json(log, "ingest", str(world.videos), "--no-link", *options, accept=(0, SKIPPED))


def _held_out_tracks(setup: Setup) -> Result:
    """Mine the clips of the held-out objects into a graph of their own, which no training uses."""
    affinity = Affinity(setup.root / "tracks-data", setup.root / "logs")
    with affinity.stopping_neo4j():
        _ingest(affinity, setup.tracks, "ingest-tracks")
        tracks = write_crops(DataFolder.resolve(affinity.data), setup.tracks.labels, setup.tracks.root / "crops")
    return {"tracks": tracks}


def choice(setup: Setup, affinity: Affinity) -> Iterator[Job]:
    """Yield the jobs that link each candidate graph, for each seed. `affinity` has a running service."""
    for seed in range(setup.scale.seeds):
        yield from (_graph(setup, graph, seed) for graph in CANDIDATES)
        yield from (_training(setup, affinity, row, seed) for row in ROWS if row.name == CONTEXT)


def comparison(setup: Setup, affinity: Affinity) -> Iterator[Job]:
    """Yield the jobs that link graphs, train and measure, for each seed. `affinity` has a running service."""
    seeds = range(setup.scale.seeds)
    # Start with the jobs that all others depend on; otherwise a core has no work during those of the last seed.
    yield from (_graph(setup, graph, seed) for seed in seeds for graph in GRAPHS if graph.name == FIRST)
    yield from (_training(setup, affinity, row, seed) for seed in seeds for row in ROWS if row.name == CONTEXT)
    for seed in seeds:
        yield from (_graph(setup, graph, seed) for graph in GRAPHS if graph.name != FIRST)
        yield _true_edges(setup, seed)
        yield from (_training(setup, affinity, row, seed) for row in ROWS if row.objective and row.name != CONTEXT)
        yield from (_measurement(setup, row, seed) for row in ROWS)


def _graph(setup: Setup, graph: Graph, seed: int) -> Job:
    """Link a graph. The job is exclusive, because an archive has one writer at a time."""

    def link(_: object) -> Result:
        name = f"graph-{graph.name}-{seed}"
        options = [option.format(trunk=setup.trunk(graph.features_of or "", seed)) for option in graph.options]
        linked = setup.affinity.json(name, "cluster", *options, *NO_COPIES, "--seed", str(seed))
        return _with_quality(setup, linked["snapshot"]["id"])

    after = [f"{graph.features_of}-{seed}"] if graph.features_of else []
    return Job(f"graph-{graph.name}-{seed}", link, after, exclusive=True)


def _true_edges(setup: Setup, seed: int) -> Job:
    """Publish a graph of as many true edges as the default mining found."""

    def publish(results: Mapping[str, Result]) -> Result:
        edges = results[f"graph-default-{seed}"]["edges"]
        folder = DataFolder.resolve(setup.affinity.data)
        id = publish_true_edges(folder, setup.world.labels, edges, seed)
        return _with_quality(setup, id)

    return Job(f"graph-{TRUE}-{seed}", publish, [f"graph-default-{seed}"], exclusive=True)


def _with_quality(setup: Setup, id: str) -> Result:
    quality = setup.affinity.json(
        f"quality-{id}", "graph", "quality", "--labels", str(setup.world.labels), "--snapshot", id
    )
    return {**quality, "snapshot": id}


def _training(setup: Setup, affinity: Affinity, row: Row, seed: int) -> Job:
    graph = f"graph-{row.graph or FIRST}-{seed}"

    def train(results: Mapping[str, Result]) -> Result:
        name = f"{row.name}-{seed}"
        options = ["--run", name, "--url", affinity.url or "", "--seed", str(seed), *_settings(setup, row)]
        if row.objective == "supervised":
            options += ["--images", str(setup.root / "crops")]
        else:
            options += ["--snapshot", results[graph]["snapshot"]]
        if row.name != CONTEXT:
            options += ["--init", str(setup.trunk(CONTEXT, seed))]
        return affinity.json(name, "train", *options, "--threads", "1", "--loader-threads", "2")

    return Job(f"{row.name}-{seed}", train, [graph] if row.name == CONTEXT else [graph, f"{CONTEXT}-{seed}"])


def _settings(setup: Setup, row: Row) -> list[str]:
    scale = setup.scale
    common = ["--objective", row.objective or "", "--trunk", scale.trunk, "--image-size", str(scale.side)]
    common += scale.optimizer
    if row.name == CONTEXT:
        return [*common, *scale.context, "--steps", str(scale.context_steps)]
    specific = scale.supervised if row.objective == "supervised" else scale.ranking
    return [*common, *specific, "--augment", scale.augment, "--steps", str(scale.steps * row.passes)]


def _measurement(setup: Setup, row: Row, seed: int) -> Job:
    def measure(_: object) -> Result:
        torch.set_num_threads(1)
        trunk, group_of, side = _trunk(setup, row, seed), groups(), setup.scale.side
        scores: dict[str, NDArray[np.float64] | NDArray[np.int64]] = {}
        for background in BACKGROUNDS:
            held_out = HeldOut.read(setup.world.held_out(background), group_of, side)
            score = neighbors(trunk, held_out)
            scores |= {f"precision-{background}": score.precision_N, f"top1-{background}": score.top1_N}
            scores |= {f"group-{background}": held_out.images.instances_N}
        setup.scores(row.name, seed).parent.mkdir(exist_ok=True)
        np.savez(setup.scores(row.name, seed), allow_pickle=False, **scores)
        return asdict(invariance(trunk, HeldOut.read(setup.tracks.root / "crops", group_of, side)))

    return Job(f"measure-{row.name}-{seed}", measure, [f"{row.name}-{seed}"] if row.objective else [])


def _trunk(setup: Setup, row: Row, seed: int) -> Trunk:
    if row.objective:
        return load_trunk(setup.trunk(row.name, seed))[0]
    settings = TrainSettings(trunk=setup.scale.trunk, image_size=setup.scale.side, seed=seed)
    return untrained(settings).trunk
