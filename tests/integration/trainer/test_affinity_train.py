"""`affinity train` with a live service and a real graph: kills, interrupts, and a service that fails."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.conftest import SAMPLES, Graph, Wait, free_port, wait_until_ready
from trainer.runs import checkpoint
from trainer.runs.metrics import read_metrics

SMALL = ("--batch", "8", "--image-size", "32", "--head", "32,16", "--augment", "mirror,crop,color", "--threads", "1")
STEPS = 12
LONG = 60
"""Steps of a small trunk, which might do twelve before it is killed."""


class Trainer:
    """Starts `affinity train` in a data folder of its own."""

    def __init__(self, graph: Graph, data: Path, url: str) -> None:
        self.graph, self.data, self.url = graph, data, url
        self.whole: dict[str, Any] = {}
        """What the run `whole` printed."""

    def arguments(self, run: str, *more: str) -> tuple[str, ...]:
        return ("train", "--run", run, "--url", self.url, "--data", str(self.data), *more)

    def train(self, run: str, *more: str) -> dict[str, Any]:
        """Train a run to its end, and return what it prints."""
        return self.graph.json(*self.arguments(run, *more))

    def start(self, run: str, *more: str) -> subprocess.Popen[str]:
        return self.graph.start(*self.arguments(run, *more))

    def steps(self, run: str) -> int:
        return len(read_metrics(self.folder(run) / "metrics.jsonl"))

    def folder(self, run: str) -> Path:
        return self.data / "runs" / run

    def weights(self, run: str, steps: int) -> dict[str, torch.Tensor]:
        content, damaged = checkpoint.load_latest(self.folder(run))
        assert content is not None and not damaged and content["step"] == steps
        return content["model"]

    def assert_equal(self, one: str, other: str, steps: int = STEPS) -> None:
        mine, its = self.weights(one, steps), self.weights(other, steps)
        assert [name for name in mine if not torch.equal(mine[name], its[name])] == []


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process, and check that it had not ended before."""
    process.kill()
    assert process.wait() == -signal.SIGKILL


@pytest.fixture(scope="module")
def trainer(world: Graph, service: str, tmp_path_factory: pytest.TempPathFactory) -> Trainer:
    """A trainer with a run `whole` that was not interrupted."""
    trainer = Trainer(world, tmp_path_factory.mktemp("trainer"), service)
    trainer.whole = trainer.train("whole", *SMALL, "--steps", str(STEPS))
    return trainer


def test_a_run_leaves_its_files_and_prints_a_summary(trainer: Trainer) -> None:
    result = trainer.whole

    assert result["steps"] == STEPS and result["run"] == "whole"
    assert set(result["pairs"]) == {"transitive", "intra"}
    files = {path.name for path in trainer.folder("whole").iterdir() if path.name != "lock"}
    assert files == {"settings.json", "metrics.jsonl", "step-000000012.pt", "trunk.safetensors", "trunk.json"}
    settings = json.loads((trainer.folder("whole") / "settings.json").read_text())
    assert settings["settings"]["snapshot"] == settings["snapshot"]["id"] != "latest"


def test_a_killed_and_resumed_trainer_ends_with_equal_weights(trainer: Trainer, wait_for: Wait) -> None:
    options = (*SMALL, "--steps", str(STEPS), "--checkpoint-every", "4")
    for killed_after in (2, 6, 9):
        process = trainer.start("killed", *options)
        wait_for(lambda after=killed_after: trainer.steps("killed") >= after)  # type: ignore[misc]
        kill(process)

    trainer.train("killed")

    trainer.assert_equal("whole", "killed")
    mine, its = (read_metrics(trainer.folder(run) / "metrics.jsonl") for run in ("whole", "killed"))
    assert [(line.step, line.position, line.loss) for line in mine] == [
        (line.step, line.position, line.loss) for line in its
    ]


def test_a_trainer_waits_for_a_killed_service(world: Graph, trainer: Trainer, wait_for: Wait) -> None:
    port = free_port()
    there = Trainer(world, trainer.data, f"http://127.0.0.1:{port}")
    service = world.start("serve", "--port", str(port))
    wait_until_ready(there.url, service)
    # One loader, so that the trainer has not fetched all batches when its service is killed.
    process = there.start("waiting", *SMALL, "--steps", str(STEPS), "--loader-threads", "1")
    wait_for(lambda: there.steps("waiting") >= 1)
    service.kill()
    service.wait()
    assert process.stderr is not None
    while "Waiting" not in (line := process.stderr.readline()):
        assert line, "it ended without its service"
    assert process.poll() is None and there.steps("waiting") < STEPS

    with world.service(port):
        _, stderr = process.communicate(timeout=120)

    assert process.returncode == 0, stderr
    trainer.assert_equal("whole", "waiting")


@pytest.mark.slow
def test_a_killed_trainer_resumes_its_queue_its_schedule_and_its_mined_negatives(
    trainer: Trainer, wait_for: Wait
) -> None:
    ranked = (
        "--negative-mining",
        "half",
        "--num-negatives",
        "4",
        "--symmetric",
        "--queue",
        "64",
        "--max-grad-norm",
        "1",
    )
    scheduled = ("--objective", "tracking", "--optimizer", "adamw", "--schedule", "cosine", "--warmup", "2")
    options = (*SMALL, *ranked, *scheduled, "--steps", str(STEPS))
    trainer.train("queued", *options)
    process = trainer.start("queued-killed", *options, "--checkpoint-every", "4")
    wait_for(lambda: trainer.steps("queued-killed") >= 6)
    kill(process)

    trainer.train("queued-killed")

    trainer.assert_equal("queued", "queued-killed")


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["context", "multitask", "supervised"])
def test_a_killed_trainer_resumes_the_other_objectives(trainer: Trainer, wait_for: Wait, objective: str) -> None:
    options = ["--objective", objective, "--trunk", "timm:test_resnet", "--steps", str(LONG), *SMALL]
    if objective == "context":
        options = [option for option in options if option not in ("--augment", "mirror,crop,color")]
    if objective == "supervised":
        options += ["--images", str(SAMPLES / "heldout")]
    trainer.train(objective, *options)
    process = trainer.start(f"{objective}-killed", *options, "--checkpoint-every", "4")
    wait_for(lambda: trainer.steps(f"{objective}-killed") >= 6)
    kill(process)

    trainer.train(f"{objective}-killed")

    trainer.assert_equal(objective, f"{objective}-killed", LONG)


@pytest.mark.slow
def test_two_ranks_have_the_losses_of_one_and_one_rank_resumes_their_run(trainer: Trainer) -> None:
    # On CPUs, batch normalization sees the images of its own rank only: VGG16 has none.
    options = (*SMALL, "--trunk", "vgg16")
    trainer.train("one", *options, "--steps", "4")
    ranks_of = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    # Without the two dashes, torchrun would parse --run itself.
    torchrun = (sys.executable, *ranks_of, "-m", "affinity", "--")
    arguments = trainer.arguments("two", *options, "--steps", "2")
    ranks = subprocess.run([*torchrun, *arguments], env=trainer.graph.environment, capture_output=True, text=True)
    assert ranks.returncode == 0, ranks.stderr
    trainer.train("two", "--steps", "4")

    mine, its = (read_metrics(trainer.folder(run) / "metrics.jsonl") for run in ("two", "one"))
    assert [(line.step, line.position, line.pairs) for line in mine] == [
        (line.step, line.position, line.pairs) for line in its
    ]
    assert [line.loss for line in mine] == pytest.approx([line.loss for line in its], rel=1e-4)


@pytest.mark.slow
def test_exported_weights_serve_the_next_graph_and_the_next_training(
    trainer: Trainer, graph: Graph, clips: list[Path], tmp_path: Path
) -> None:
    weights = tmp_path / "whole.safetensors"
    trainer.graph.run("export-weights", "whole", str(weights), "--data", str(trainer.data))
    graph.run("ingest", *map(str, clips[:6]), "--features", f"trunk:{weights}")
    again = trainer.train("again", *SMALL, "--init", str(weights), "--steps", "1")

    assert again["settings"]["init"] == str(weights)
    assert graph.store.snapshot("latest").counts.patches > 0


def test_a_snapshot_without_inter_edges_is_trained_on_its_tracks(graph: Graph, bikes: Path, tmp_path: Path) -> None:
    real = graph.json("ingest", str(bikes), str(bikes.with_name("bigbuckbunny.mp4")), "--track-frames", "15")
    assert real["snapshot"]["counts"]["inter"] == 0 < real["snapshot"]["counts"]["intra"]
    with graph.service(free_port()) as url:
        done = graph.run(
            "train", "--run", "real", "--url", url, "--data", str(tmp_path), *SMALL, "--steps", "2", "--json"
        )
    assert "has no INTER edges: training on tracks alone (--mix intra:1)" in done.stderr
    result = json.loads(done.stdout)
    assert (result["steps"], set(result["pairs"])) == (2, {"intra"})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--run", "whole", "--lr", "0.5"), "lr"),
        (("--run", "other", "--snapshot", "ffffffffffffffff"), "ffffffffffffffff"),
        (("--run", "other", "--trunk", "resnet999"), "trunk"),
        (("--run", "other", "--mix", "magic:1", *SMALL), "magic"),
    ],
    ids=["other settings", "no such snapshot", "no such trunk", "no such kind"],
)
def test_wrong_options_are_refused_with_a_sentence(trainer: Trainer, options: tuple[str, ...], words: str) -> None:
    where = ("--url", trainer.url, "--data", str(trainer.data))
    done = trainer.graph.run("train", *where, *options, check=False)

    assert done.returncode == 1
    assert words in done.stderr and "Traceback" not in done.stderr
