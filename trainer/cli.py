"""`affinity train`, `affinity export-weights` and `affinity evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from foundation.options import NONE_GIVEN, ApiKey, Data, Given, Json, option_of
from trainer.distributed.threads import share_cores
from trainer.settings import INSTANCE_PATTERN, RuntimeSettings, TrainSettings

URL, HELD_OUT = RuntimeSettings().url, RuntimeSettings().hold_out

Url = Annotated[str, option_of(RuntimeSettings, "url")]
HoldOut = Annotated[float, option_of(RuntimeSettings, "hold_out")]


def train(
    *,
    run: Annotated[
        str | None, Parameter(help="Name of the run; a run that exists continues. Default: a new name.")
    ] = None,
    training: Given[TrainSettings] = NONE_GIVEN,
    runtime: Given[RuntimeSettings] = NONE_GIVEN,
    api_key: ApiKey = None,
    data: Data = None,
    json: Json = False,
) -> int:
    share_cores()
    from trainer.command import run_training

    return run_training(run, {**training, **runtime}, api_key=api_key, data=data, json_output=json)


def export_weights(
    network: Annotated[str, Parameter(help="A run, a checkpoint (.pt) or a trunk (.safetensors).")],
    file: Annotated[Path, Parameter(help="File to write: .pth or .safetensors; its card is written beside it.")],
    /,
    *,
    trunk_only: Annotated[
        bool,
        Parameter(help="Leave out torchvision's classifier, which is not trained.", negative=(), show_default=False),
    ] = False,
    data: Data = None,
    json: Json = False,
) -> None:
    from json import dumps

    from trainer.runs.export import export_weights
    from trainer.settings import runs_folder

    tensors = export_weights(network, file, runs_folder(data), trunk_only=trunk_only)
    print(dumps({"file": str(file), "tensors": tensors}) if json else f"{len(tensors)} tensors in {file}")


def knn(
    folder: Annotated[Path, Parameter(help="Folder of labeled images, with one folder per class.")],
    /,
    *,
    features: Annotated[
        list[str] | None,
        Parameter(
            help="random (the untrained network), hog or pixels. May be repeated. Default: all three, unless a "
            "checkpoint is given."
        ),
    ] = None,
    checkpoint: Annotated[
        list[str] | None,
        Parameter(help="A run, a checkpoint (.pt) or a trunk (.safetensors). May be repeated."),
    ] = None,
    instance_pattern: Annotated[
        str,
        Parameter(help="Regular expression; its first group is the instance in a file name without its suffix."),
    ] = INSTANCE_PATTERN,
    k: Annotated[int, Parameter(help="Neighbors that vote.")] = 20,
    temperature: Annotated[float, Parameter(help="The weight of a vote is exp(cosine / temperature).")] = 0.07,
    seed: Annotated[int, Parameter(help="Seed of the bootstrap and of the random weights.")] = 0,
    data: Data = None,
    json: Json = False,
) -> None:
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


def distances(
    *,
    checkpoint: Annotated[str, Parameter(help="A run or a checkpoint (.pt), whose embedding is measured.")],
    snapshot: Annotated[str, Parameter(help="Snapshot with all videos, whose transitive pairs are used.")] = "latest",
    hold_out: HoldOut = HELD_OUT,
    pairs: Annotated[int, Parameter(help="Largest number of held-out pairs of each kind.")] = 1000,
    seed: Annotated[int, Parameter(help="Seed of the order of the pairs and of the bootstrap.")] = 0,
    url: Url = URL,
    api_key: ApiKey = None,
    data: Data = None,
    json: Json = False,
) -> None:
    share_cores()
    from trainer.evaluation.command import HeldOutOptions, run_distances

    options = HeldOutOptions(snapshot=snapshot, hold_out=hold_out, pairs=pairs, seed=seed, url=url, api_key=api_key)
    run_distances(checkpoint, options, data=data, json_output=json)


def context(
    *,
    checkpoint: Annotated[str, Parameter(help="A run or a checkpoint (.pt) of --objective context.")],
    images: Annotated[
        Path | None, Parameter(help="Folder of images to use instead of the frames of a snapshot.")
    ] = None,
    snapshot: Annotated[str, Parameter(help="Snapshot with all videos, whose frames are used.")] = "latest",
    hold_out: HoldOut = HELD_OUT,
    pairs: Annotated[int, Parameter(help="Pairs of patches, spread over all images.")] = 2000,
    seed: Annotated[int, Parameter(help="Seed of the pairs and of the bootstrap.")] = 0,
    url: Url = URL,
    api_key: ApiKey = None,
    data: Data = None,
    json: Json = False,
) -> None:
    share_cores()
    from trainer.evaluation.command import HeldOutOptions, run_context

    options = HeldOutOptions(snapshot=snapshot, hold_out=hold_out, pairs=pairs, seed=seed, url=url, api_key=api_key)
    run_context(checkpoint, options, images=images, data=data, json_output=json)
