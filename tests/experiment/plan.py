"""What is compared: the graphs that are mined, and the rows that are trained on them, each under every seed."""

from __future__ import annotations

from dataclasses import dataclass

CONTEXT = "context"
"""The run that gives the features of mining, and the weights that all others begin with."""


@dataclass(frozen=True)
class Graph:
    """One way to link the tracks: options of `affinity cluster`, where `{context}` is a trunk by the row's name."""

    name: str
    options: tuple[str, ...] = ()
    frames: int = 30
    features_of: str | None = CONTEXT
    """The row whose trunk it mines with."""


@dataclass(frozen=True)
class Row:
    """One row of the table: options of `affinity train`, on a graph."""

    name: str
    title: str
    objective: str | None
    """None: what is measured is there without training."""
    graph: str | None = None
    passes: int = 1
    """Times the steps of the others."""


@dataclass(frozen=True)
class Scale:
    """How much is done, and what all rows have in common."""

    seeds: int = 3
    """Each mines and trains anew, from context prediction on."""
    seed: int = 23
    """Of the division of the objects, and of the drawing."""
    clips: int = 12
    """Of each object that is filmed."""
    trunk: str = "timm:test_resnet"
    side: int = 64
    steps: int = 250
    context_steps: int = 1500
    optimizer: tuple[str, ...] = ("--optimizer", "adamw", "--weight-decay", "0.01", "--schedule", "cosine")
    context: tuple[str, ...] = ("--batch", "64", "--lr", "0.0015", "--warmup", "50", "--head", "256,8")
    ranking: tuple[str, ...] = ("--batch", "64", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    supervised: tuple[str, ...] = ("--batch", "128", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    """As many images a step."""
    augment: str = "mirror,crop,color"


JOINED = ("--features", "hog+trunk:{context}")
NETWORK = ("--features", "trunk:{context}")
HOG = ("--features", "hog")
LITERAL = (*NETWORK, "--crops", "color", "--whiten", "0", "--same-video", "allow")
DEFAULT = JOINED
"""What was chosen among the candidates."""
CANDIDATES = (
    Graph("literal", LITERAL),
    Graph("network", NETWORK),
    Graph("network-whole", (*NETWORK, "--whiten", "0")),
    Graph("network-15", (*NETWORK, "--neighbors", "15")),
    Graph("hog", HOG, features_of=None),
    Graph("hog-15", (*HOG, "--neighbors", "15"), features_of=None),
    Graph("hog-20", (*HOG, "--neighbors", "20"), features_of=None),
    Graph("joined", JOINED),
    Graph("joined-15", (*JOINED, "--neighbors", "15")),
    Graph("joined-20", (*JOINED, "--neighbors", "20")),
)
"""Ways to mine that are looked at on the objects to choose on; none of them is in the report."""
GRAPHS = (
    Graph("default", DEFAULT),
    Graph("network", NETWORK),
    Graph("literal", LITERAL),
    Graph("hog", HOG, features_of=None),
    Graph("frames-15", (*DEFAULT, "--track-frames", "15"), frames=15),
    Graph("again", DEFAULT, features_of="transitive"),
)
TRUE = "true"
"""The graph whose edges come from labels."""

ROWS = (
    Row("random", "Random", None),
    Row("context", "Context", "context"),
    Row("tracking", "Tracking", "tracking", "default"),
    Row("multitask", "Multi-Task", "multitask", "default"),
    Row("transitive", "Transitive", "transitive", "default"),
    Row("network", "Transitive, the network's features alone", "transitive", "network"),
    Row("literal", "Transitive, mined to the letter", "transitive", "literal"),
    Row("hog", "Transitive (HOG)", "transitive", "hog"),
    Row("frames-15", "Transitive (15-frame)", "transitive", "frames-15"),
    Row("again", "Transitive, mined once more", "transitive", "again"),
    Row("tracking-twice", "Tracking, as much training as mined once more", "tracking", "default", passes=2),
    Row("true", "Transitive, true edges (the ceiling)", "transitive", TRUE),
    Row("supervised", "Supervised", "supervised"),
)
