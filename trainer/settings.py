"""The settings of training: what decides the weights, and where a run runs. Nothing is read at import."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal, get_args

from api.wire.query import DEFAULT_MIX
from foundation.data_folder import data_root
from foundation.settings import check, invalid, setting

COMMON_TRUNKS = ("resnet18", "vgg16")
"""Trunks that need no check that torchvision has them."""
ObjectiveName = Literal["transitive", "tracking", "multitask", "context", "supervised"]
"""The classes of these are in trainer/objectives/registry.py."""
OBJECTIVE_NAMES: tuple[str, ...] = get_args(ObjectiveName)
INSTANCE_PATTERN = r"(.+)_"
"""Its first group is the instance in the file name of a labeled image, without the suffix."""
AUGMENTATIONS = ("mirror", "crop", "color")


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What decides the weights. A run keeps these for life; only `steps` may grow.

    The defaults are the paper's (Sec. 5 and 6). Where the paper does not give a setting of SGD, the default is from the
    authors' earlier code (Wang and Gupta, 2015).
    """

    panel: ClassVar = "Training"

    objective: ObjectiveName = setting(
        "transitive", "What the network is trained for.", paper="each is a row of its tables"
    )
    snapshot: str = setting("latest", "Snapshot to train on; latest is resolved to an id when the run begins.")
    images: str | None = setting(
        None,
        "Folder of images, for the objectives context and supervised (supervised: one folder per class).",
        when_unset="none",
        paper="ImageNet, for both",
    )
    mix: str = setting(
        DEFAULT_MIX,
        "Kinds of positive pairs and their shares.",
        paper="7 M transitive and 2 M INTRA pairs",
    )
    negatives: Literal["batch", "graph"] = setting(
        "batch", "Where the service draws negatives from: the same batch, or the whole graph.", paper="the same batch"
    )
    seed: int = setting(0, "Seed of the order of the pairs, of the first weights and of the augmentation.", ge=0)
    steps: int = setting(200_000, "Steps of the whole run; may grow when the run is resumed.", paper="200,000", ge=1)
    batch: int = setting(100, "Pairs per step; each has two images and a negative.", paper="100", ge=1)
    trunk: str = setting(
        "resnet18", "Convolutional network: a name of torchvision, such as vgg16, or timm:NAME.", paper="VGG16"
    )
    image_size: int = setting(96, "Side of the square image that the network sees.", unit="pixels", paper="96", ge=32)
    head: str = setting("4096,1024", "Widths of the two layers after the trunk.", paper="4096, 1024")
    init: str | None = setting(
        None,
        "File with the first weights of the trunk: safetensors, or a torch state dict.",
        when_unset="random weights",
        paper="a context-prediction network",
    )
    decode: Literal["cpu", "gpu"] = setting(
        "cpu", "Where JPEGs are decoded; gpu uses nvJPEG, and its pixels differ a little."
    )
    augment: str = setting(
        "none", f"Augmentations, joined by commas: any of {', '.join(AUGMENTATIONS)}; or none.", paper="not stated"
    )
    loss: Literal["triplet", "infonce", "supcon"] = setting(
        "triplet", "Loss of the pairs and their negatives.", paper="triplet"
    )
    margin: float = setting(
        0.5,
        "Margin of the triplet loss: how much farther than the positive a negative must be.",
        paper="0.5",
        gt=0,
    )
    symmetric: bool = setting(
        False,
        "Push negatives away from both images of a pair, instead of from the anchor only.",
        paper="off in its formula, on in the authors' earlier code",
        stored="sides",
        stored_values={False: "anchor", True: "both"},
    )
    negative_mining: Literal["service", "random", "hard", "half"] = setting(
        "service",
        "Negatives of the triplet loss: service uses the one that comes with each pair; random, hard and half choose "
        "--num-negatives of the batch at random, the nearest ones, or half of each.",
        paper="the same batch; random, then hard in the authors' earlier code",
        stored="mining",
        stored_values={"service": "given"},
    )
    num_negatives: int = setting(
        1,
        "Negatives per pair, with --negative-mining random, hard or half.",
        paper="not stated; 4 in the authors' earlier code",
        ge=1,
    )
    temperature: float = setting(0.07, "Temperature of infonce and supcon, which divides similarities.", gt=0)
    queue: int = setting(0, "Embeddings of earlier steps that are kept as more negatives.", ge=0)
    optimizer: Literal["sgd", "adamw"] = setting(
        "sgd", "Optimizer.", paper="not stated; SGD in the authors' earlier code"
    )
    lr: float = setting(0.001, "Learning rate.", paper="0.001", gt=0)
    schedule: Literal["step", "constant", "cosine"] = setting(
        "step", "Schedule of the learning rate.", paper="not stated; steps in the authors' earlier code"
    )
    lr_drop: int = setting(
        100_000,
        "Steps between two drops of the learning rate to a tenth, with --schedule step.",
        paper="not stated; 100,000 in the authors' earlier code",
        ge=1,
    )
    warmup: int = setting(0, "Steps in which the learning rate grows from zero.", ge=0)
    momentum: float = setting(
        0.9, "Momentum of SGD; beta 1 of AdamW.", paper="not stated; 0.9 in the authors' earlier code", ge=0, lt=1
    )
    weight_decay: float = setting(
        5e-4,
        "Weight decay; not applied to biases and normalization.",
        paper="not stated; 0.0005 in the authors' earlier code",
        ge=0,
        lt=1,
    )
    max_grad_norm: float = setting(
        0.0, "Norm that a longer gradient is clipped to; 0: no clipping.", ge=0, stored="clip"
    )
    accumulate: int = setting(1, "Batches per step; the step uses the mean of their gradients.", ge=1)

    def __post_init__(self) -> None:
        check(self)
        if not self.trunk:
            raise invalid("trunk", self.trunk, "a network of torchvision by name, or timm:NAME")
        self._check_negatives()
        _widths(self.head)
        _augmentations(self.augment)

    def _check_negatives(self) -> None:
        from_service, triplet = self.negative_mining == "service", self.loss == "triplet"
        if not from_service and not triplet:
            allowed = f"service with --loss {self.loss}, which uses all negatives of the batch"
            raise invalid("negative_mining", self.negative_mining, allowed)
        if from_service and self.num_negatives != 1:
            allowed = "1 with --negative-mining service: each pair comes with one negative"
            raise invalid("num_negatives", self.num_negatives, allowed)
        if from_service and triplet and self.queue:
            raise invalid("queue", self.queue, "0 with --negative-mining service, which does not use the queue")

    @property
    def images_folder(self) -> Path | None:
        """The folder of images to train on instead of a snapshot."""
        return Path(self.images) if self.images else None

    @property
    def head_widths(self) -> tuple[int, int]:
        """The widths of the hidden layer and of the embedding."""
        return _widths(self.head)

    @property
    def augmentations(self) -> frozenset[str]:
        """The augmentations that are on."""
        return _augmentations(self.augment)


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings:
    """Where and how a run runs. These may change from one resume to the next."""

    panel: ClassVar = "Runtime"
    panel_order: ClassVar = 2

    url: str = setting("http://127.0.0.1:8477", "Address of the service.")
    device: str = setting("auto", "cpu, cuda, or auto: a GPU if there is one.")
    threads: int | None = setting(
        None,
        "CPU threads of the network; a resumed run is exact with the same number.",
        when_unset="one per core",
        ge=1,
    )
    loader_threads: int = setting(
        4, "Threads that fetch and decode batches ahead of the network.", ge=1, stored="loaders"
    )
    compile: bool = setting(False, "Compile the network with torch.compile: a slow start, then faster steps.")
    checkpoint_every: int = setting(500, "Steps between checkpoints; the last two are kept.", ge=1)
    reconnect_seconds: float = setting(
        600.0,
        "How long to wait for a service that does not answer, before training stops.",
        unit="seconds",
        ge=0,
        stored="patience",
    )
    follow: bool = setting(False, "Go on in the successor of a snapshot that has ended, instead of stopping.")
    evaluate_every: int = setting(0, "Steps between evaluations during training; 0: no evaluation.", ge=0)
    evaluate_on: str | None = setting(
        None, "Folder of labeled images for k-NN evaluations during training.", when_unset="none"
    )
    evaluate_pairs: str | None = setting(
        None, "Snapshot of all videos, whose held-out pairs are evaluated during training.", when_unset="none"
    )
    hold_out: float = setting(
        0.25, "Share of the videos that `affinity ingest --hold-out` kept out of training.", gt=0, lt=1
    )
    tensorboard: bool = setting(False, "Write curves, distributions and the hardest triplets for TensorBoard.")

    def __post_init__(self) -> None:
        check(self)
        if self.evaluate_every and not (self.evaluate_on or self.evaluate_pairs):
            allowed = "0 without something to evaluate: add --evaluate-on or --evaluate-pairs"
            raise invalid("evaluate_every", self.evaluate_every, allowed)


def runs_folder(data: Path | None = None) -> Path:
    """The folder `runs/` of the data folder. It is not created here."""
    return data_root(data) / "runs"


def _widths(text: str) -> tuple[int, int]:
    """Parse `--head`. Raises SettingsError."""
    widths = [int(width) for width in text.split(",") if width.strip().isdecimal()]
    if len(widths) != 2 or text.count(",") != 1 or 0 in widths:
        raise invalid("head", text, "two widths, such as 4096,1024")
    return widths[0], widths[1]


def _augmentations(text: str) -> frozenset[str]:
    """Parse `--augment`. Raises SettingsError."""
    names = frozenset(name.strip() for name in text.split(",")) - {"none", ""}
    if not names <= set(AUGMENTATIONS):
        raise invalid("augment", text, f"any of {', '.join(AUGMENTATIONS)}, joined by commas, or none")
    return names
