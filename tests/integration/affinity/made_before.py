"""Read what the code gives for the graph, data folder and runs of `tests/fixtures/made_before`.

The version that made them recorded its readings with these functions, and the tests compare with the same functions.
"""

from __future__ import annotations

import json
import platform
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch

from tests.conftest import SAMPLES, Graph

# The options of make.sh under their present names. Their values go into digests that the graph holds.
MINING = (
    *("--max-patches", "3", "--crop-side", "48", "--frame-side", "96", "--jpeg-quality", "85", "--frame-quality", "75"),
    *("--max-forward-backward-error", "0.6", "--ransac-threshold", "1.2", "--min-travel", "0.4"),
)
CLUSTERING = (
    *("--parents", "2", "--min-parent-size", "4", "--neighbors", "5", "--hold-out", "0.25", "--clique-size", "3"),
    *("--max-points-per-centroid", "32", "--kmeans-iterations", "15", "--copy-similarity", "0.9"),
)
CHILDREN = ("show", "children", "--count", "5", "--seed", "2")
EPOCH = ("--mix", "intra:1", "--batch", "4", "--pairs-per-file", "16", "--seed", "5")

STEPS = 14
"""Steps of the resumed run at its end. Its checkpoint is after step 8."""
ARROW = "application/vnd.apache.arrow.stream"
QUERIES = (
    "triplets?seed=0&position=0&count=8",
    "triplets?seed=7&mix=transitive:2,inter:1,intra:1&negatives=graph&position=1000003&count=8",
    "triplets?seed=7&mix=intra:1&negatives=batch&position=11&count=8",
    "frames?seed=3&position=5&count=4",
)
SAME_ARITHMETIC = {
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_CBWR": "COMPATIBLE",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Nehalem",
}
"""Environment variables that stop libraries from using instructions that only some processors have."""


def sample_clips() -> list[Path]:
    """The sample clips that the graph holds: those of make.sh, without the one that it forgets."""
    videos = SAMPLES / "videos"
    clips = {*videos.glob("bottle-0[3-6]-*.mp4"), *videos.glob("armchair-0[2-6]-*.mp4")}
    return sorted(clips - {videos / "armchair-06-1.mp4"})


@dataclass(frozen=True)
class Made:
    """The unpacked fixture, its open graph, and the address and API key of a service for that graph.

    `snapshots` maps three names to ids: `training` and `all` were linked by HOG features, `network` by a network's.
    """

    root: Path
    graph: Graph
    url: str
    key: str
    snapshots: Mapping[str, str]

    @property
    def service(self) -> tuple[str, ...]:
        """Options with which a command reaches the service."""
        return "--url", self.url, "--api-key", self.key

    def get(self, path: str, accept: str = "application/json") -> tuple[int, bytes]:
        """Request a path; return the status and the body."""
        headers = {"Authorization": f"Bearer {self.key}", "Accept": accept}
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + path, headers=headers), timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def answers(made: Made) -> dict[str, str]:
    """Return the SHA-256 of the body of each answer, by request."""
    paths = ["/v1/snapshots", *(f"/v1/snapshots/{id}" for id in made.snapshots.values())]
    paths += [f"/v1/snapshots/{id}/{query}" for id in made.snapshots.values() for query in QUERIES]
    patch = json.loads(made.get(paths[-len(QUERIES)])[1])["triplets"][0]["anchor"]["id"]
    paths += [f"/v1/patches/{patch}", f"/v1/patches/{patch}/image"]
    found = {}
    for path in paths:
        for accept in ("application/json", ARROW) if "?" in path else ("*/*",):
            status, body = made.get(path, accept)
            assert status == 200, body
            found[f"{path} {accept}"] = sha256(body).hexdigest()
    return found


def successors(made: Made, ended: Mapping[str, str]) -> dict[str, str | None]:
    """Return the successor that the service names for each ended snapshot."""
    found = {}
    for id in ended:
        status, body = made.get(f"/v1/snapshots/{id}")
        assert status == 410, body
        found[id] = json.loads(body)["successor"]
    return found


def checked(graph: Graph) -> dict[str, Any]:
    """Return the result of `affinity graph check`, without its notes, which report its speed."""
    found = graph.json("graph", "check")
    del found["notes"]
    return found


def quality(made: Made) -> Any:
    """Return the result of `affinity graph quality` for the snapshot of all videos."""
    labels = ("--labels", str(SAMPLES / "labels.csv"))
    return rounded(made.graph.json("graph", "quality", "--snapshot", made.snapshots["all"], *labels))


def children(made: Made, sheet: Path) -> Any:
    """Draw a sheet with `affinity show children`; return what it shows."""
    shown = made.graph.json(*CHILDREN, "--snapshot", made.snapshots["all"], "--out", str(sheet))
    del shown["sheet"]
    return rounded(shown)


def ingested_again(graph: Graph) -> dict[str, Any]:
    """Ingest the clips of the graph again; return the summary."""
    done = graph.json("ingest", *map(str, sample_clips()), *MINING, *CLUSTERING)
    return {name: done[name] for name in ("mined", "known", "tracks", "outdated", "training", "snapshot")}


def clustered_again(graph: Graph) -> dict[str, Any]:
    """Run `affinity cluster` with the same settings; return the ids of the published snapshots."""
    done = graph.json("cluster", *CLUSTERING)
    return {name: done[name]["id"] for name in ("training", "snapshot")}


def resumed(made: Made, data: Path) -> dict[str, Any]:
    """Resume a copy of the run in the data folder `data`; return its losses and a digest of its weights."""
    shutil.copytree(made.root / "data" / "runs", data / "runs")
    done = made.graph.json("train", "--run", "resumed", "--steps", str(STEPS), "--data", str(data), *made.service)
    folder = data / "runs" / "resumed"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    checkpoint = torch.load(folder / f"step-{STEPS:09d}.pt", map_location="cpu", weights_only=True)
    return {
        "pairs": done["pairs"],
        "positions": [line["position"] for line in lines],
        "losses": [line["loss"] for line in lines],
        "weights": weights_digest(checkpoint["model"]),
    }


def weights_digest(tensors: Mapping[str, torch.Tensor]) -> str:
    """Return the SHA-256 over the names and bytes of the tensors."""
    hasher = sha256()
    for name in sorted(tensors):
        hasher.update(name.encode() + b"\0" + tensors[name].contiguous().numpy().tobytes())
    return hasher.hexdigest()


def neighbors(made: Made, folder: Path) -> dict[str, float]:
    """Return the k-NN accuracy of each run on two classes of the labeled samples, which are copied to `folder`."""
    for name in ("armchair", "bottle"):
        shutil.copytree(SAMPLES / "heldout" / name, folder / name)
    runs = ("--checkpoint", "resumed", "--checkpoint", "context", "--data", str(made.root / "data"))
    found = made.graph.json("evaluate", "knn", str(folder), *runs)
    return {score["name"]: score["accuracy"]["mean"] for score in found["features"]}


def exported_weights(made: Made, file: Path) -> dict[str, str]:
    """Write weights with `affinity export-weights`; return the SHA-256 of the file and of its card."""
    made.graph.run("export-weights", "resumed", str(file), "--data", str(made.root / "data"))
    return {path.suffix: sha256(path.read_bytes()).hexdigest() for path in (file, file.with_suffix(".json"))}


def finished_epoch(made: Made, folder: Path) -> dict[str, str]:
    """Finish a copy of the interrupted export; return the SHA-256 of its files."""
    shutil.copytree(made.root / "epoch", folder)
    made.graph.run("export", str(folder), "--snapshot", made.snapshots["training"], *EPOCH, *made.service)
    return {path.name: sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def rounded(value: Any) -> Any:
    """Round numbers to nine digits: the digits after those depend on the order in which a processor adds."""
    if isinstance(value, dict):
        return {name: rounded(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(one) for one in value]
    return float(f"{value:.9g}") if isinstance(value, float) else value


def machine() -> dict[str, str]:
    """Return what the last bits of training depend on: torch and the processor."""
    processor = Path("/proc/cpuinfo").read_text().split("\n\n")[0] if Path("/proc/cpuinfo").exists() else ""
    names = ("vendor_id", "cpu family", "model", "flags")
    kept = [line for line in processor.splitlines() if line.partition("\t")[0].strip(" :") in names]
    return {
        "torch": str(torch.__version__),
        "architecture": platform.machine(),
        "processor": sha256("\n".join(kept).encode()).hexdigest()[:16],
    }
