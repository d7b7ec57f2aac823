"""`affinity evaluate` after its options are parsed: measure several networks or features, and print the scores."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from api.client.http import TripletClient
from foundation.errors import SettingsError
from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, read_square
from trainer.evaluation.context import CHANCE, score_context
from trainer.evaluation.distances import score_distances
from trainer.evaluation.features import HOG_SIDE, hog_features, pixel_features, trunk_features
from trainer.evaluation.holdout import HeldOutImage, collect_frames, collect_held_out, folder_images
from trainer.evaluation.knn import chance, score_features
from trainer.evaluation.labeled_folder import LabeledImages, read_labeled
from trainer.evaluation.tables import class_table, context_table, distance_table, knn_table
from trainer.runs.loading import LoadedNetwork, load_network, untrained
from trainer.settings import TrainSettings, runs_folder

UNTRAINED = ("random", "hog", "pixels")


@dataclass(frozen=True, kw_only=True)
class HeldOutOptions:
    """The held-out data of `evaluate distances` and `evaluate context`, and how much of it to measure."""

    snapshot: str = "latest"
    hold_out: float = 0.25
    pairs: int
    """Pairs to measure; for distances, at most."""
    seed: int = 0
    url: str
    api_key: str | None = None

    def client(self) -> TripletClient:
        return TripletClient(self.url, api_key=self.api_key)

    def find_snapshot(self, client: TripletClient, network: LoadedNetwork) -> Mapping[str, Any]:
        """Look up the snapshot, and warn if the network was trained on it."""
        snapshot = client.snapshot(self.snapshot)
        if snapshot["id"] == network.settings.snapshot:
            print(
                f"{network.name} was trained on this very snapshot, so its held-out videos were not held out of "
                "training.",
                file=sys.stderr,
                flush=True,
            )
        return snapshot


def run_knn(
    folder: Path,
    *,
    features: Sequence[str],
    checkpoints: Sequence[str],
    instance_pattern: str,
    k: int,
    temperature: float,
    seed: int,
    data: Path | None,
    json_output: bool,
) -> None:
    """Score every feature on the folder and print the scores side by side."""
    if unknown := set(features) - set(UNTRAINED):
        raise SettingsError(f"There is no feature {', '.join(sorted(unknown))}: choose from {', '.join(UNTRAINED)}.")
    networks = [load_network(name, runs_folder(data)) for name in checkpoints]
    images = read_labeled(folder, instance_pattern)
    cv2.setNumThreads(0)
    scores = [
        score_features(name, features_ND, images, k=k, temperature=temperature, seed=seed)
        for name, features_ND in _compute_features(images, features, networks, seed)
    ]
    if json_output:
        about = {"folder": str(folder), "images": len(images.paths), "instances": images.num_instances}
        parts = {"classes": images.classes, "chance": chance(images), "k": k, "temperature": temperature}
        print(json.dumps({**about, **parts, "features": [asdict(score) for score in scores]}))
        return
    console = Console()
    console.print(knn_table(images, scores, k, chance(images)))
    console.print(class_table(images, scores))


def _compute_features(
    images: LabeledImages, features: Sequence[str], networks: Sequence[LoadedNetwork], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Yield the name and the N×D features of each row of the table.

    `random` gives one row for each architecture and image size of the networks.
    """
    sizes = {(network.settings.trunk, network.settings.image_size): network.settings for network in networks}
    for name in features:
        if name == "hog":
            yield name, hog_features(_pixels(images, HOG_SIDE))
        elif name == "pixels":
            yield name, pixel_features(_pixels(images, HOG_SIDE))
        else:
            for settings in sizes.values() or [TrainSettings(seed=seed)]:
                label = name if len(sizes) < 2 else f"{name} {settings.trunk} {settings.image_size}"
                yield label, _network_features(untrained(settings), images)
    for network in networks:
        yield network.name, _network_features(network, images)


def _network_features(network: LoadedNetwork, images: LabeledImages) -> NDArray[np.float32]:
    return trunk_features(network.trunk, _pixels(images, network.settings.image_size))


def _pixels(images: LabeledImages, size: int) -> Image:
    return np.stack([read_square(path, size) for path in images.paths])


def run_distances(name: str, options: HeldOutOptions, *, data: Path | None, json_output: bool) -> None:
    """Measure the run's network, and the same network untrained, on held-out pairs of the snapshot."""
    network = load_network(name, runs_folder(data))
    model, settings, seed = network.embedding_model(), network.settings, options.seed
    with options.client() as client:
        snapshot = options.find_snapshot(client, network)
        held_out = collect_held_out(
            client,
            snapshot["id"],
            snapshot["counts"],
            hold_out=options.hold_out,
            wanted=options.pairs,
            seed=seed,
            size=settings.image_size,
        )
    begun = untrained(settings).embedding_model()
    scores = [
        score_distances("untrained", begun, held_out, margin=settings.margin, seed=seed),
        score_distances(network.name, model, held_out, margin=settings.margin, seed=seed),
    ]
    if json_output:
        pairs, tracks = held_out.pairs, held_out.tracks
        counts = {"pairs": len(pairs), "tracks": len(tracks), "videos": pairs.num_videos, "seen": pairs.pairs_read}
        about = {"snapshot": snapshot["id"], "hold_out": options.hold_out, "run": network.name, **counts}
        print(json.dumps({**about, "networks": [asdict(score) for score in scores]}))
        return
    Console().print(distance_table(held_out, scores))


def run_context(
    name: str, options: HeldOutOptions, *, images: Path | None, data: Path | None, json_output: bool
) -> None:
    """Measure the run's network, and the same network untrained, on held-out frames of the snapshot or on a folder."""
    network = load_network(name, runs_folder(data))
    model, settings = network.context_model(), network.settings
    held_out, where = _context_images(network, options, images)
    size, pairs, seed = settings.image_size, options.pairs, options.seed
    begun = untrained(settings).context_model()
    scores = [
        score_context("untrained", begun, held_out, size=size, pairs=pairs, seed=seed),
        score_context(network.name, model, held_out, size=size, pairs=pairs, seed=seed),
    ]
    if json_output:
        counts = {"images": len(held_out), "pairs": pairs, "chance": CHANCE}
        print(json.dumps({"of": where, **counts, "networks": [asdict(score) for score in scores]}))
        return
    Console().print(context_table(len(held_out), pairs, scores))


def _context_images(
    network: LoadedNetwork, options: HeldOutOptions, images: Path | None
) -> tuple[list[HeldOutImage], str]:
    """Collect the images to measure on, and name their folder or snapshot."""
    if images:
        return folder_images(ImageFolder.read(images)), str(images)
    with options.client() as client:
        snapshot = options.find_snapshot(client, network)
        frames = collect_frames(client, snapshot["id"], snapshot["counts"]["intra"], options.hold_out)
        return frames, str(snapshot["id"])
