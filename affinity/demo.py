"""`affinity demo`: the whole job, from videos to an evaluated model, by the commands that a user would type."""

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

from cyclopts import Parameter

from foundation.errors import AffinityError

SAMPLES = Path(__file__).parents[1] / "samples"
RUN = "demo"
HOLD_OUT = "0.25"
# Paper: VGG16, 96 pixels, batches of 100, lr 0.001, 200,000 steps. These settings fit into three minutes on two cores,
# and use few enough pairs that none comes twice.
TRAINING = ["--trunk", "resnet18", "--image-size", "64", "--batch", "16", "--steps", "110", "--lr", "0.01"]
COUNTS = ("videos", "patches", "intra", "inter", "children", "parents", "transitive")
SERVICE_SECONDS = 60
SKIPPED = 3


class DemoFailed(AffinityError):
    """A command of the demo failed, or its result is not what the samples must give."""


@dataclass
class Demo:
    """Runs `affinity` commands in processes, prints each command, and measures its time."""

    data: Path
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, title: str, *arguments: str, accept: Sequence[int] = (0,)) -> None:
        """Run a command that prints its own result. Raises DemoFailed."""
        self._run(title, arguments, accept, None)

    def json(self, title: str, *arguments: str, accept: Sequence[int] = (0,)) -> dict[str, Any]:
        """Run a command with --json and read what it prints. Raises DemoFailed."""
        result: dict[str, Any] = json.loads(self._run(title, [*arguments, "--json"], accept, subprocess.PIPE))
        return result

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "affinity", *arguments, "--data", str(self.data)]

    @property
    def environment(self) -> dict[str, str]:
        """The environment without NEO4J_URI and the like: the demo fills a local graph of its own."""
        return {name: value for name, value in os.environ.items() if not name.startswith("NEO4J_")}

    def _run(self, title: str, arguments: Sequence[str], accept: Sequence[int], stdout: int | None) -> str:
        say(f"\n== {title}\n$ affinity {shlex.join(arguments)} --data {shlex.quote(str(self.data))}\n")
        began = time.monotonic()
        done = subprocess.run(self.command(*arguments), env=self.environment, stdout=stdout, text=True)
        self.seconds[title] = time.monotonic() - began
        if done.returncode not in accept:
            raise DemoFailed(
                f"`affinity {' '.join(arguments[:2])}` ended with status {done.returncode}; its messages are above."
            )
        return done.stdout or ""


def demo(
    *,
    videos: Annotated[Path | None, Parameter(help="Folder of videos. Default: the samples of the repository.")] = None,
    data: Annotated[Path, Parameter(help="Data folder of the demo; delete it to start anew.")] = Path(".demo"),
) -> None:
    folder = videos or SAMPLES / "videos"
    if not folder.is_dir():
        raise DemoFailed(f"There is no folder {folder}. Name a folder of videos with --videos.")
    stages = Demo(data.absolute())
    if "NEO4J_URI" in os.environ:
        # The value is not printed: it may hold a password.
        say("NEO4J_URI is set; the demo does not use that server and starts a local Neo4j of its own.")
    try:
        main_job(stages, folder.absolute())
    finally:
        subprocess.run(stages.command("graph", "stop"), env=stages.environment, stdout=subprocess.DEVNULL)


def main_job(demo: Demo, videos: Path) -> None:
    """Run the stages in order, then check their results. Raises DemoFailed."""
    server = demo.json("Neo4j", "graph", "start")
    # Ingest names and skips files that cannot be used.
    ingested = demo.json("Ingest", "ingest", str(videos), "--hold-out", HOLD_OUT, accept=(0, SKIPPED))
    snapshot, training = ingested["snapshot"], ingested["training"]
    labels = videos.parent / "labels.csv"
    if labels.is_file():
        demo.run("Edges beside labels", "graph", "quality", "--labels", str(labels))
    with service(demo) as url:
        shutil.rmtree(demo.data / "runs" / RUN, ignore_errors=True)
        at = ["--url", url, "--snapshot"]
        trained = demo.json("Training", "train", *at, training["id"], "--run", RUN, *TRAINING)
        held_out = None
        if snapshot["counts"]["transitive"]:
            options = ["--checkpoint", RUN, "--hold-out", HOLD_OUT, *at, snapshot["id"]]
            held_out = demo.json("Held-out pairs", "evaluate", "distances", *options)
        baselines = [option for name in ("random", "hog", "pixels") for option in ("--features", name)]
        demo.run("k-NN", "evaluate", "knn", str(SAMPLES / "heldout"), *baselines, "--checkpoint", RUN)
        show(demo, ingested, trained, held_out)
        failures = list(failed_checks(snapshot["counts"], trained, held_out))
        if failures and labels.is_file():
            raise DemoFailed("The demo ran, but its results are not as expected: " + "; ".join(failures) + ".")
        show_next(demo, server, url)
        stay_up()


@contextmanager
def service(demo: Demo) -> Iterator[str]:
    """Run the triplet service on a free port until the block ends; yields its address."""
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
    raise DemoFailed(f"The service at {url} was not ready within {SERVICE_SECONDS} s; its messages are above.")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def show(demo: Demo, ingested: dict[str, Any], trained: dict[str, Any], held_out: dict[str, Any] | None) -> None:
    """Print the result on one screen."""
    say("\n== Result")
    counts = ingested["snapshot"]["counts"]
    say("  graph      " + ", ".join(f"{counts[name]:,} {name}" for name in COUNTS))
    for skipped in ingested["skipped"]:
        say(f"  skipped    {skipped['path']}: {skipped['reason']}")
    fresh = "fresh pairs" if trained["fresh"] else "pairs, some of them repeated"
    say(
        f"  loss       {trained['loss_first']:.4f} in the first 20 steps, "
        f"{trained['loss_last']:.4f} in the last 20, on {fresh}"
    )
    for network in held_out["networks"] if held_out else []:
        positive, negative = network["ab_dist"]["mean"], network["ac_dist"]["mean"]
        pairs = held_out and held_out["pairs"]
        say(f"  held out   {network['name']}: D(A,B') {positive:.3f}, D(A,C) {negative:.3f}, on {pairs} pairs")
    stages = demo.seconds | {f"  {name}": seconds for name, seconds in ingested["seconds"].items()}
    say("  seconds    " + ", ".join(f"{name.strip()} {seconds:.0f}" for name, seconds in stages.items()))


def failed_checks(counts: dict[str, int], trained: dict[str, Any], held_out: dict[str, Any] | None) -> Iterator[str]:
    """The expected results of the samples that this run does not have."""
    yield from (f"there are no {name}" for name in COUNTS if not counts[name])
    if trained["loss_last"] >= trained["loss_first"]:
        yield "the loss did not fall"
    network = held_out["networks"][-1] if held_out else None
    if network and network["ab_dist"]["mean"] >= network["ac_dist"]["mean"]:
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
    """On a terminal, keep graph and service running until Ctrl-C."""
    if not sys.stdout.isatty():
        say("\nNot on a terminal: graph and service are stopped. `affinity graph start` and `serve` start them again.")
        return
    say("\nGraph and service run until Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        say("")


def say(text: str) -> None:
    print(text, flush=True)
