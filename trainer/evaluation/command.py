"""`affinity evaluate`, once its options are read: what is measured, side by side, and how it is shown."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from api.client.http import TripletClient
from trainer.data.image_folder import ImageFolder
from trainer.data.images import Image, read_square
from trainer.errors import BenchmarkError
from trainer.evaluation.context import CHANCE, folder_images, held_out_frames, score_context
from trainer.evaluation.distances import collect_held_out, score_distances
from trainer.evaluation.features import HOG_SIDE, hog_features, pixel_features, trunk_features
from trainer.evaluation.knn import chance, score_features
from trainer.evaluation.labeled_folder import LabelledImages, read_labelled
from trainer.evaluation.tables import class_table, context_table, distance_table, knn_table
from trainer.runs.loading import LoadedNetwork, load_network, untrained
from trainer.settings import TrainSettings, runs_folder

UNTRAINED = ("random", "hog", "pixels")


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
    """Score every feature on the folder and print them side by side."""
    if unknown := set(features) - set(UNTRAINED):
        raise BenchmarkError(f"There is no feature {', '.join(sorted(unknown))}: choose from {', '.join(UNTRAINED)}.")
    networks = [load_network(name, runs_folder(data)) for name in checkpoints]
    images = read_labelled(folder, instance_pattern)
    cv2.setNumThreads(0)
    scores = [
        score_features(name, matrix, images, k=k, temperature=temperature, seed=seed)
        for name, matrix in _matrices(images, features, networks, seed)
    ]
    if json_output:
        about = {"folder": str(folder), "images": len(images.paths), "instances": images.num_instances}
        parts = {"classes": images.classes, "chance": chance(images), "k": k, "temperature": temperature}
        print(json.dumps({**about, **parts, "features": [asdict(score) for score in scores]}))
        return
    console = Console()
    console.print(knn_table(images, scores, k, chance(images)))
    console.print(class_table(images, scores))


def _matrices(
    images: LabelledImages, features: Sequence[str], networks: Sequence[LoadedNetwork], seed: int
) -> Iterator[tuple[str, NDArray[np.float32]]]:
    """Name and N×D features of all that is compared. Untrained networks are the twins of those trained."""
    twins = {(network.settings.trunk, network.settings.image_size): network.settings for network in networks}
    for name in features:
        if name == "hog":
            yield name, hog_features(_pixels(images, HOG_SIDE))
        elif name == "pixels":
            yield name, pixel_features(_pixels(images, HOG_SIDE))
        else:
            for settings in twins.values() or [TrainSettings(seed=seed)]:
                label = name if len(twins) < 2 else f"{name} {settings.trunk} {settings.image_size}"
                yield label, _network_features(untrained(settings), images)
    for network in networks:
        yield network.name, _network_features(network, images)


def _network_features(network: LoadedNetwork, images: LabelledImages) -> NDArray[np.float32]:
    return trunk_features(network.trunk, _pixels(images, network.settings.image_size))


def _pixels(images: LabelledImages, size: int) -> Image:
    return np.stack([read_square(path, size) for path in images.paths])


def run_distances(
    name: str,
    *,
    snapshot: str,
    hold_out: float,
    wanted: int,
    seed: int,
    url: str,
    api_key: str | None,
    data: Path | None,
    json_output: bool,
) -> None:
    """Measure the run's network, and the same untrained, on held-out pairs of the snapshot."""
    network = load_network(name, runs_folder(data))
    trained = network.embedding()
    with TripletClient(url, api_key=api_key) as client:
        about = client.snapshot(snapshot)
        if about["id"] == network.settings.snapshot:
            _warn(f"{name} was trained on this very snapshot, so its held-out videos were not held out of training.")
        held_out = collect_held_out(
            client,
            about["id"],
            about["counts"],
            hold_out=hold_out,
            wanted=wanted,
            seed=seed,
            size=network.settings.image_size,
        )
    margin = network.settings.margin
    scores = [
        score_distances("untrained", untrained(network.settings).embedding(), held_out, margin=margin, seed=seed),
        score_distances(network.name, trained, held_out, margin=margin, seed=seed),
    ]
    if json_output:
        pairs = held_out.pairs
        counts = {"pairs": len(pairs), "tracks": len(held_out.tracks), "videos": pairs.num_videos, "seen": pairs.seen}
        about = {"snapshot": about["id"], "hold_out": hold_out, "run": network.name, **counts}
        print(json.dumps({**about, "networks": [asdict(score) for score in scores]}))
        return
    Console().print(distance_table(held_out, scores))


def run_context(
    name: str,
    *,
    images: Path | None,
    snapshot: str,
    hold_out: float,
    pairs: int,
    seed: int,
    url: str,
    api_key: str | None,
    data: Path | None,
    json_output: bool,
) -> None:
    """Measure the run's network, and the same untrained, on held-out frames of the snapshot or on a folder."""
    network = load_network(name, runs_folder(data))
    trained, settings = network.context(), network.settings
    if images:
        held, where = folder_images(ImageFolder.read(images)), str(images)
    else:
        with TripletClient(url, api_key=api_key) as client:
            about = client.snapshot(snapshot)
            where = str(about["id"])
            if where == settings.snapshot:
                _warn(f"{name} was trained on this very snapshot: its held-out videos were not held out of training.")
            held = held_out_frames(client, where, about["counts"]["intra"], hold_out)
    size = settings.image_size
    scores = [
        score_context("untrained", untrained(settings).context(), held, size=size, pairs=pairs, seed=seed),
        score_context(network.name, trained, held, size=size, pairs=pairs, seed=seed),
    ]
    if json_output:
        counts = {"images": len(held), "pairs": pairs, "chance": CHANCE}
        print(json.dumps({"of": where, **counts, "networks": [asdict(score) for score in scores]}))
        return
    Console().print(context_table(len(held), pairs, scores))


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
