"""What a run is trained with, and where it runs. Nothing here is read at import."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from foundation.data_folder import data_root
from foundation.errors import SettingsError

COMMON_TRUNKS = ("resnet18", "vgg16")
"""Known to be there without a look."""
OBJECTIVE_NAMES = ("transitive", "tracking", "multitask", "context", "supervised")
"""Their classes stand in trainer/objectives/registry.py."""
LOSSES = ("triplet", "infonce", "supcon")
MINING = ("given", "random", "hard", "half")
OPTIMIZERS = ("sgd", "adamw")
SCHEDULES = ("step", "constant", "cosine")
INSTANCE_PATTERN = r"(.+)_"
"""Its first group is the instance in the stem of a labeled image's file."""
AUGMENTATIONS = ("mirror", "crop", "color")


def setting(default: Any, sentence: str) -> Any:
    """A field with its sentence, which is also the help of the command's option."""
    return field(default=default, metadata={"help": sentence})


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What decides the weights. A run keeps these for life; only `steps` may grow.

    The defaults are the paper's (Sec. 5 and 6); what it leaves open of SGD is that of the authors' earlier code.
    """

    objective: str = setting("transitive", f"What is trained for: {', '.join(OBJECTIVE_NAMES)}.")
    snapshot: str = setting("latest", "The snapshot to train on; `latest` is resolved once and kept.")
    images: str | None = setting(None, "A folder of images, for context and supervised (there: one folder a class).")
    mix: str = setting("transitive:7,intra:2", "Kinds of positives and their shares; the paper has 7 M and 2 M.")
    negatives: str = setting("batch", "Negatives from the same `batch` (the paper) or from the whole `graph`.")
    seed: int = setting(0, "Decides the order of the pairs, the first weights and the augmentation.")
    steps: int = setting(200_000, "Steps to have done at the end; may grow when a run is resumed.")
    batch: int = setting(100, "Pairs a step (two images and one negative each).")
    trunk: str = setting("resnet18", "The trunk: vgg16 (the paper's), another of torchvision by name, or timm:NAME.")
    image_size: int = setting(96, "Side of the square the network sees, in pixels.")
    head: str = setting("4096,1024", "Widths of the two layers after the trunk.")
    init: str | None = setting(None, "File of trunk weights to begin with (.safetensors, or a torch state dict).")
    decode: str = setting(
        "cpu", "Who decodes JPEGs: the `cpu`, in threads, or the `gpu` (nvJPEG; pixels differ a little)."
    )
    augment: str = setting("none", f"Any of {','.join(AUGMENTATIONS)}; none, as the paper states none.")
    loss: str = setting("triplet", f"The loss on pairs and negatives: {', '.join(LOSSES)}.")
    margin: float = setting(0.5, "Of triplet: by how much a negative must be farther than the positive.")
    sides: str = setting("anchor", "Negatives are held off the `anchor` (the paper's formula) or `both` of a pair.")
    mining: str = setting("given", f"Of triplet, the negatives: {', '.join(MINING)}.")
    num_negatives: int = setting(1, "Negatives a pair, where they are mined in the batch.")
    temperature: float = setting(0.07, "Of infonce and supcon: similarities are divided by this.")
    queue: int = setting(0, "Embeddings of earlier steps kept as further negatives, unless of the pair's group.")
    optimizer: str = setting("sgd", f"{' or '.join(OPTIMIZERS)}.")
    lr: float = setting(0.001, "Learning rate.")
    schedule: str = setting("step", f"Of the learning rate: {', '.join(SCHEDULES)}.")
    lr_drop: int = setting(100_000, "Of the schedule `step`: steps between two drops, each to a tenth.")
    warmup: int = setting(0, "Steps in which the learning rate grows from zero.")
    momentum: float = setting(0.9, "Momentum of SGD; of AdamW, beta 1.")
    weight_decay: float = setting(5e-4, "Weight decay; biases and normalization are spared.")
    clip: float = setting(0.0, "Length that a gradient is cut to where it is longer; 0: never.")
    accumulate: int = setting(1, "Batches a step: their gradients are meaned before the weights move.")

    def __post_init__(self) -> None:
        check(
            self.objective in OBJECTIVE_NAMES,
            f"objective must be one of {', '.join(OBJECTIVE_NAMES)}, not {self.objective!r}",
        )
        check(self.negatives in ("batch", "graph"), f"negatives must be `batch` or `graph`, not {self.negatives!r}")
        check(self.seed >= 0, f"seed must not be negative, but is {self.seed}")
        check(self.steps >= 1, f"steps must be at least 1, but is {self.steps}")
        check(self.batch >= 1, f"batch must be at least 1, but is {self.batch}")
        check(bool(self.trunk), "trunk must be a network of torchvision by name, or timm:NAME")
        check(self.decode in ("cpu", "gpu"), f"decode must be `cpu` or `gpu`, not {self.decode!r}")
        check(self.image_size >= 32, f"image-size must be at least 32 (the trunk's stride), but is {self.image_size}")
        self._check_loss()
        self._check_loop()
        for name in ("lr", "margin", "temperature"):
            check(getattr(self, name) > 0, f"{name} must be above zero, but is {getattr(self, name)}")
        for name in ("momentum", "weight_decay"):
            check(0 <= getattr(self, name) < 1, f"{name} must be in [0, 1), but is {getattr(self, name)}")
        self.head_widths  # noqa: B018  (both raise where the text does not parse)
        self.augmentations  # noqa: B018

    def _check_loss(self) -> None:
        check(self.loss in LOSSES, f"loss must be one of {', '.join(LOSSES)}, not {self.loss!r}")
        check(self.sides in ("anchor", "both"), f"sides must be `anchor` or `both`, not {self.sides!r}")
        check(self.mining in MINING, f"mining must be one of {', '.join(MINING)}, not {self.mining!r}")
        given, triplet = self.mining == "given", self.loss == "triplet"
        check(given or triplet, f"mining must be given with --loss {self.loss}, which takes all negatives there are")
        check(self.num_negatives >= 1, f"num-negatives must be at least 1, but is {self.num_negatives}")
        check(not given or self.num_negatives == 1, "num-negatives must be 1 with --mining given: one comes with each")
        check(self.queue >= 0, f"queue must not be negative, but is {self.queue}")
        check(not (self.queue and given and triplet), "queue must be 0 with --mining given, which never looks there")

    def _check_loop(self) -> None:
        names = ", ".join(OPTIMIZERS)
        check(self.optimizer in OPTIMIZERS, f"optimizer must be one of {names}, not {self.optimizer!r}")
        check(self.schedule in SCHEDULES, f"schedule must be one of {', '.join(SCHEDULES)}, not {self.schedule!r}")
        check(self.lr_drop >= 1, f"lr-drop must be at least 1, but is {self.lr_drop}")
        check(self.warmup >= 0, f"warmup must not be negative, but is {self.warmup}")
        check(self.clip >= 0, f"clip must not be negative, but is {self.clip}")
        check(self.accumulate >= 1, f"accumulate must be at least 1, but is {self.accumulate}")

    @property
    def images_folder(self) -> Path | None:
        """The folder of images that is trained on instead of a snapshot."""
        return Path(self.images) if self.images else None

    @property
    def head_widths(self) -> tuple[int, int]:
        """The widths of the hidden layer and of the embedding."""
        widths = self.head.split(",")
        check(
            len(widths) == 2 and all(width.strip().isdecimal() and int(width) > 0 for width in widths),
            f"head must be two widths such as 4096,1024, not {self.head!r}",
        )
        return int(widths[0]), int(widths[1])

    @property
    def augmentations(self) -> frozenset[str]:
        """The augmentations that are on."""
        names = frozenset(name.strip() for name in self.augment.split(",")) - {"none", ""}
        check(names <= set(AUGMENTATIONS), f"augment takes {', '.join(AUGMENTATIONS)} or none, not {self.augment!r}")
        return names


@dataclass(frozen=True, kw_only=True)
class RuntimeSettings:
    """Where a run runs. It may change from one resume to the next."""

    url: str = setting("http://127.0.0.1:8477", "Address of the service.")
    device: str = setting("auto", "cpu, cuda, or auto: a GPU where there is one.")
    threads: int | None = setting(
        None, "CPU threads of the network; unset: one a core. Resumes are exact with as many."
    )
    loaders: int = setting(4, "Threads that fetch and decode batches ahead of the network.")
    compile: bool = setting(False, "Compile the network (torch.compile): slow to start, faster after.")
    checkpoint_every: int = setting(500, "Steps between checkpoints; the last two are kept.")
    patience: float = setting(600.0, "Seconds that a service may be gone before the trainer gives up.")
    follow: bool = setting(False, "Where the snapshot has ended, go on in its successor instead of stopping.")

    evaluate_every: int = setting(0, "Steps between two evaluations in the middle of the training; 0: none.")
    evaluate_on: str | None = setting(None, "Labeled folder whose nearest neighbors are then looked at.")
    evaluate_pairs: str | None = setting(None, "Snapshot of all videos, whose held-out pairs are then measured.")
    hold_out: float = setting(0.25, "Share of the videos that `affinity ingest --hold-out` kept out of training.")
    tensorboard: bool = setting(False, "Write curves, spreads and the hardest triplets for TensorBoard.")

    def __post_init__(self) -> None:
        check(self.evaluate_every >= 0, f"evaluate-every must not be negative, but is {self.evaluate_every}")
        check(
            not self.evaluate_every or bool(self.evaluate_on or self.evaluate_pairs),
            "evaluate-every needs something to look at: name it with --evaluate-on or --evaluate-pairs",
        )
        check(0 < self.hold_out < 1, f"hold-out must be between 0 and 1, but is {self.hold_out}")
        check(self.threads is None or self.threads >= 1, f"threads must be at least 1, but is {self.threads}")
        check(self.loaders >= 1, f"loaders must be at least 1, but is {self.loaders}")
        check(self.checkpoint_every >= 1, f"checkpoint-every must be at least 1, but is {self.checkpoint_every}")


def sentence(of: type[TrainSettings] | type[RuntimeSettings], name: str) -> str:
    """The help of one setting."""
    return next(str(setting.metadata["help"]) for setting in fields(of) if setting.name == name)


def runs_folder(data: Path | None = None) -> Path:
    """`runs/` in the data folder. Not made here."""
    return data_root(data) / "runs"


def check(holds: bool, complaint: str) -> None:
    """Raise SettingsError where a setting does not hold."""
    if not holds:
        raise SettingsError(f"The setting {complaint}.")
