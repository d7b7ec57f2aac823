"""`affinity train` and `affinity evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from trainer.distributed.threads import share_cores
from trainer.settings import INSTANCE_PATTERN, RuntimeSettings, TrainSettings, sentence

DEFAULTS, MACHINE = TrainSettings(), RuntimeSettings()

evaluate_app = typer.Typer(no_args_is_help=True, help="Measure what a network has learned.")


def option(name: str, of: type[TrainSettings] | type[RuntimeSettings] = TrainSettings) -> Any:
    """The option of a setting: its sentence is its help."""
    return typer.Option(help=sentence(of, name))


Data = Annotated[Path | None, typer.Option(help="The data folder; unset: AFFINITY_DATA, or the platform's.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Url = Annotated[str, option("url", RuntimeSettings)]
ApiKey = Annotated[str | None, typer.Option(envvar="AFFINITY_API_KEY", help="The service's key, where it has one.")]


def train(
    context: typer.Context,
    run: Annotated[str | None, typer.Option(help="The run's name; one that exists goes on. Unset: a new one.")] = None,
    objective: Annotated[str, option("objective")] = DEFAULTS.objective,
    snapshot: Annotated[str, option("snapshot")] = DEFAULTS.snapshot,
    images: Annotated[str | None, option("images")] = DEFAULTS.images,
    mix: Annotated[str, option("mix")] = DEFAULTS.mix,
    negatives: Annotated[str, option("negatives")] = DEFAULTS.negatives,
    seed: Annotated[int, option("seed")] = DEFAULTS.seed,
    steps: Annotated[int, option("steps")] = DEFAULTS.steps,
    batch: Annotated[int, option("batch")] = DEFAULTS.batch,
    trunk: Annotated[str, option("trunk")] = DEFAULTS.trunk,
    image_size: Annotated[int, option("image_size")] = DEFAULTS.image_size,
    head: Annotated[str, option("head")] = DEFAULTS.head,
    init: Annotated[str | None, option("init")] = DEFAULTS.init,
    decode: Annotated[str, option("decode")] = DEFAULTS.decode,
    augment: Annotated[str, option("augment")] = DEFAULTS.augment,
    loss: Annotated[str, option("loss")] = DEFAULTS.loss,
    margin: Annotated[float, option("margin")] = DEFAULTS.margin,
    sides: Annotated[str, option("sides")] = DEFAULTS.sides,
    mining: Annotated[str, option("mining")] = DEFAULTS.mining,
    num_negatives: Annotated[int, option("num_negatives")] = DEFAULTS.num_negatives,
    temperature: Annotated[float, option("temperature")] = DEFAULTS.temperature,
    queue: Annotated[int, option("queue")] = DEFAULTS.queue,
    optimizer: Annotated[str, option("optimizer")] = DEFAULTS.optimizer,
    lr: Annotated[float, option("lr")] = DEFAULTS.lr,
    schedule: Annotated[str, option("schedule")] = DEFAULTS.schedule,
    lr_drop: Annotated[int, option("lr_drop")] = DEFAULTS.lr_drop,
    warmup: Annotated[int, option("warmup")] = DEFAULTS.warmup,
    momentum: Annotated[float, option("momentum")] = DEFAULTS.momentum,
    weight_decay: Annotated[float, option("weight_decay")] = DEFAULTS.weight_decay,
    clip: Annotated[float, option("clip")] = DEFAULTS.clip,
    accumulate: Annotated[int, option("accumulate")] = DEFAULTS.accumulate,
    url: Url = MACHINE.url,
    api_key: ApiKey = None,
    device: Annotated[str, option("device", RuntimeSettings)] = MACHINE.device,
    threads: Annotated[int | None, option("threads", RuntimeSettings)] = MACHINE.threads,
    loaders: Annotated[int, option("loaders", RuntimeSettings)] = MACHINE.loaders,
    compile: Annotated[bool, option("compile", RuntimeSettings)] = MACHINE.compile,
    checkpoint_every: Annotated[int, option("checkpoint_every", RuntimeSettings)] = MACHINE.checkpoint_every,
    patience: Annotated[float, option("patience", RuntimeSettings)] = MACHINE.patience,
    follow: Annotated[bool, option("follow", RuntimeSettings)] = MACHINE.follow,
    evaluate_every: Annotated[int, option("evaluate_every", RuntimeSettings)] = MACHINE.evaluate_every,
    evaluate_on: Annotated[str | None, option("evaluate_on", RuntimeSettings)] = MACHINE.evaluate_on,
    evaluate_pairs: Annotated[str | None, option("evaluate_pairs", RuntimeSettings)] = MACHINE.evaluate_pairs,
    hold_out: Annotated[float, option("hold_out", RuntimeSettings)] = MACHINE.hold_out,
    tensorboard: Annotated[bool, option("tensorboard", RuntimeSettings)] = MACHINE.tensorboard,
    data: Data = None,
    json: Json = False,
) -> None:
    """Train a network on a snapshot, over HTTP. A run of the same name goes on where its last checkpoint was."""
    share_cores()
    from trainer.command import run_training

    given = {
        name: value
        for name, value in context.params.items()
        if (source := context.get_parameter_source(name)) is not None and source.name != "DEFAULT"
    }
    code = run_training(run, given, api_key=api_key, data=data, json_output=json)
    raise typer.Exit(code)


def export_weights(
    network: Annotated[str, typer.Argument(help="A run, a checkpoint (.pt) or a trunk (.safetensors).")],
    file: Annotated[Path, typer.Argument(help="Where to write: a .pth or .safetensors; its card comes beside it.")],
    trunk_only: Annotated[
        bool, typer.Option("--trunk-only", help="Leave out torchvision's classifier, which nobody trained.")
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    """Write a trunk as a plain state dict of torchvision or timm, which loads there with strict=True."""
    from json import dumps

    from trainer.runs.export import export_weights
    from trainer.settings import runs_folder

    tensors = export_weights(network, file, runs_folder(data), trunk_only=trunk_only)
    print(dumps({"file": str(file), "tensors": tensors}) if json else f"{len(tensors)} tensors in {file}")


@evaluate_app.command()
def knn(
    folder: Annotated[Path, typer.Argument(help="A folder of labelled images: one folder a class.")],
    features: Annotated[
        list[str] | None,
        typer.Option(help="random (the network untrained), hog or pixels; may be repeated. Unset: all three."),
    ] = None,
    checkpoint: Annotated[
        list[str] | None, typer.Option(help="A run, a checkpoint (.pt) or a trunk (.safetensors); may be repeated.")
    ] = None,
    instance_pattern: Annotated[
        str, typer.Option(help="Regular expression whose first group is the instance in a file's stem.")
    ] = INSTANCE_PATTERN,
    k: Annotated[int, typer.Option(help="Neighbors that vote.")] = 20,
    temperature: Annotated[float, typer.Option(help="A neighbor's vote weighs exp(cosine / temperature).")] = 0.07,
    seed: Annotated[int, typer.Option(help="Decides the bootstrap, and the random weights.")] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
    """Nearest neighbors among the other instances of a labelled folder: does the class agree?"""
    share_cores()
    from trainer.evaluation.command import run_knn

    sources = (features if features is not None or checkpoint else ["random", "hog", "pixels"]) or []
    run_knn(
        folder,
        features=sources,
        checkpoints=checkpoint or [],
        instance_pattern=instance_pattern,
        k=k,
        temperature=temperature,
        seed=seed,
        data=data,
        json_output=json,
    )


@evaluate_app.command()
def distances(
    checkpoint: Annotated[str, typer.Option(help="A run or a checkpoint (.pt): the embedding is measured.")],
    snapshot: Annotated[str, typer.Option(help="The snapshot whose transitive pairs are measured.")] = "latest",
    hold_out: Annotated[
        float, typer.Option(help="Share of the videos that `affinity ingest --hold-out` kept out of training.")
    ] = 0.25,
    pairs: Annotated[int, typer.Option(help="Held-out pairs to measure, at most.")] = 1000,
    seed: Annotated[int, typer.Option(help="Decides the order of the pairs, and the bootstrap.")] = 0,
    url: Url = MACHINE.url,
    api_key: ApiKey = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """Mean D(A, A'), D(A, B') and D(A, C) on pairs of held-out videos, trained and untrained."""
    share_cores()
    from trainer.evaluation.command import HeldOutOptions, run_distances

    options = HeldOutOptions(snapshot=snapshot, hold_out=hold_out, pairs=pairs, seed=seed, url=url, api_key=api_key)
    run_distances(checkpoint, options, data=data, json_output=json)


@evaluate_app.command()
def context(
    checkpoint: Annotated[str, typer.Option(help="A run or a checkpoint (.pt) of --objective context.")],
    images: Annotated[
        Path | None, typer.Option(help="A folder of images to measure on, instead of a snapshot.")
    ] = None,
    snapshot: Annotated[str, typer.Option(help="The snapshot whose frames are measured on.")] = "latest",
    hold_out: Annotated[
        float, typer.Option(help="Share of the videos that `affinity ingest --hold-out` kept out of training.")
    ] = 0.25,
    pairs: Annotated[int, typer.Option(help="Pairs of patches to measure, in turn over all images.")] = 2000,
    seed: Annotated[int, typer.Option(help="Decides the pairs, and the bootstrap.")] = 0,
    url: Url = MACHINE.url,
    api_key: ApiKey = None,
    data: Data = None,
    json: Json = False,
) -> None:
    """How often the network tells where one patch lies seen from another; by chance one in eight."""
    share_cores()
    from trainer.evaluation.command import HeldOutOptions, run_context

    options = HeldOutOptions(snapshot=snapshot, hold_out=hold_out, pairs=pairs, seed=seed, url=url, api_key=api_key)
    run_context(checkpoint, options, images=images, data=data, json_output=json)
