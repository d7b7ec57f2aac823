"""`affinity demo`: the main job from videos to an evaluated model, as the commands that anyone would type."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from foundation.errors import AffinityError

SAMPLES = Path(__file__).parents[1] / "samples"
RUN = "demo"
HOLD_OUT = "0.25"
# Paper: VGG16, 96 pixels, batches of 100, lr 0.001, 200,000 steps. Two cores and three minutes ask for less, and so
# many pairs only that none comes twice.
TRAINING = ["--trunk", "resnet18", "--image-size", "64", "--batch", "16", "--steps", "110", "--lr", "0.01"]
COUNTS = ("videos", "patches", "intra", "inter", "children", "parents", "transitive")
SERVICE_SECONDS = 60
SKIPPED = 3


class DemoFailed(AffinityError):
    """A stage of the demo did not show what it is there to show."""


@dataclass
class Demo:
    """Runs `affinity` commands as processes of their own, shows each, and keeps the time it took."""

    data: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, title: str, *arguments: str, accept: Sequence[int] = (0,)) -> None:
        """Run a command that speaks for itself. Raises DemoFailed where it fails."""
        self._run(title, arguments, accept, None)

    def json(self, title: str, *arguments: str, accept: Sequence[int] = (0,)) -> dict[str, Any]:
        """What a command prints with --json. Raises DemoFailed where it fails."""
        result: dict[str, Any] = json.loads(self._run(title, [*arguments, "--json"], accept, subprocess.PIPE))
        return result

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "affinity", *arguments, "--data", str(self.data)]

    @property
    def environment(self) -> dict[str, str]:
        """Whatever NEO4J_URI names holds somebody's graph: the demo fills a local one of its own instead."""
        return {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}

    def _run(self, title: str, arguments: Sequence[str], accept: Sequence[int], stdout: int | None) -> str:
        say(f"\n== {title}\n$ affinity {shlex.join(arguments)} --data {shlex.quote(str(self.data))}\n")
        began = time.monotonic()
        done = subprocess.run(self.command(*arguments), env=self.environment, stdout=stdout, text=True)
        self.seconds[title] = time.monotonic() - began
        if done.returncode not in accept:
            raise DemoFailed(
                f"`affinity {' '.join(arguments[:2])}` ended with status {done.returncode}; what it said is above."
            )
        return done.stdout or ""


def demo(
    videos: Annotated[
        Path | None, typer.Option(help="Folder of videos. Default: the samples of the repository.", exists=True)
    ] = None,
    data: Annotated[Path, typer.Option(help="Data folder of the demo; delete it to start anew.")] = Path(".demo"),
) -> None:
    """Run the main job: videos, graph, snapshot, triplets over HTTP, training, evaluation."""
    folder = videos or SAMPLES / "videos"
    if not folder.is_dir():
        raise DemoFailed(f"There is no folder {folder}. Name a folder of videos with --videos.")
    stages = Demo(data.absolute())
    if "NEO4J_URI" in os.environ:
        # Without its value, which nobody has looked at: a password may stand in it.
        say("NEO4J_URI is set; the demo leaves that server alone and starts a local Neo4j of its own.")
    try:
        main_job(stages, folder.absolute())
    finally:
        subprocess.run(stages.command("graph", "stop"), env=stages.environment, stdout=subprocess.DEVNULL)


def main_job(demo: Demo, videos: Path) -> None:
    """The stages in order, and then whether they showed what they should."""
    server = demo.json("Neo4j", "graph", "start")
    # Files that cannot be used are named and skipped; the others go on.
    ingested = demo.json("Ingest", "ingest", str(videos), "--hold-out", HOLD_OUT, accept=(0, SKIPPED))
    snapshot, training = ingested["snapshot"], ingested["training"]
    labels = videos.parent / "labels.csv"
    if labels.is_file():
        demo.run("Edges beside labels", "graph", "quality", "--labels", str(labels))
    with service(demo) as url:
        shutil.rmtree(demo.data / "runs" / RUN, ignore_errors=True)
        at = ["--url", url, "--snapshot"]
        trained = demo.json("Training", "train", *at, training["id"], "--run", RUN, *TRAINING)
        apart = None
        if snapshot["counts"]["transitive"]:
            held_out = ["--checkpoint", RUN, "--hold-out", HOLD_OUT, *at, snapshot["id"]]
            apart = demo.json("Held-out pairs", "evaluate", "distances", *held_out)
        before = [option for name in ("random", "hog", "pixels") for option in ("--features", name)]
        demo.run("k-NN", "evaluate", "knn", str(SAMPLES / "heldout"), *before, "--checkpoint", RUN)
        show(demo, ingested, trained, apart)
        missed = list(misses(snapshot["counts"], trained, apart))
        if missed and labels.is_file():
            raise DemoFailed("The demo ran, but did not show what it should: " + "; ".join(missed) + ".")
        show_next(demo, server, url)
        stay_up()


@contextmanager
def service(demo: Demo) -> Iterator[str]:
    """The triplet service on a free port, until the block ends; its address."""
    url = f"http://127.0.0.1:{free_port()}"
    arguments = ["serve", "--port", url.rpartition(":")[2]]
    say(f"\n== Service\n$ affinity {shlex.join(arguments)} --data {shlex.quote(str(demo.data))}\n")
    process = subprocess.Popen(demo.command(*arguments), env=demo.environment)
    try:
        wait_until_ready(url, process)
        yield url
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + SERVICE_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise DemoFailed(f"The service at {url} was not ready within {SERVICE_SECONDS} s; what it said is above.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def show(demo: Demo, ingested: dict[str, Any], trained: dict[str, Any], apart: dict[str, Any] | None) -> None:
    """The result on one screen."""
    say("\n== Result")
    counts = ingested["snapshot"]["counts"]
    say("  graph      " + ", ".join(f"{counts[name]:,} {name}" for name in COUNTS))
    for skipped in ingested["skipped"]:
        say(f"  skipped    {skipped['path']}: {skipped['reason']}")
    fresh = "fresh pairs" if trained["fresh"] else "pairs, some of which came before"
    say(
        f"  loss       {trained['loss_first']:.4f} in the first 20 steps, "
        f"{trained['loss_last']:.4f} in the last 20, on {fresh}"
    )
    for network in apart["networks"] if apart else []:
        near, far = network["ab_dist"]["mean"], network["ac_dist"]["mean"]
        say(
            f"  held out   {network['name']}: D(A,B') {near:.3f}, D(A,C) {far:.3f}, on {apart and apart['pairs']} pairs"
        )
    stages = demo.seconds | {f"  {name}": seconds for name, seconds in ingested["seconds"].items()}
    say("  seconds    " + ", ".join(f"{name.strip()} {seconds:.0f}" for name, seconds in stages.items()))


def misses(counts: dict[str, int], trained: dict[str, Any], apart: dict[str, Any] | None) -> Iterator[str]:
    """What the samples must show and did not."""
    yield from (f"there are no {name}" for name in COUNTS if not counts[name])
    if trained["loss_last"] >= trained["loss_first"]:
        yield "the loss did not fall"
    if apart and apart["networks"][-1]["ab_dist"]["mean"] >= apart["networks"][-1]["ac_dist"]["mean"]:
        yield "held-out positives are not nearer than negatives"


def show_next(demo: Demo, server: dict[str, Any], url: str) -> None:
    say("\n== Where to look next")
    say(f"  Neo4j Browser   {server['browser']}  (user {server['user']}, password in {server['password_file']})")
    say("                  MATCH path = (:End)<-[:INTRA]-(:Start)-[:INTER]->(:Start)-[:INTRA]->(:End)")
    say("                  RETURN path LIMIT 25")
    say(f"  API             {url}/docs")
    say(f"                  curl -sL '{url}/v1/snapshots/latest/triplets?count=2'")
    say(f"  weights         {demo.data / 'runs' / RUN}")


def stay_up() -> None:
    """Keep graph and service up for whoever sits at the terminal."""
    if not sys.stdout.isatty():
        say("\nNot at a terminal: graph and service are stopped. `affinity graph start` and `serve` bring them back.")
        return
    say("\nGraph and service stay up until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("")


def say(text: str) -> None:
    print(text, flush=True)
