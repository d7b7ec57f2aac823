"""What is compared: the graphs that are mined, and the rows that are trained on them, each under every seed."""

from __future__ import annotations

from dataclasses import dataclass

CONTEXT = "context"
"""The run that gives the features of mining, and the weights that all others begin with."""


@dataclass(frozen=True)
class Graph:
    """One way to link the tracks: options of `affinity cluster`, where `{trunk}` is the file of a trained trunk."""

    name: str
    options: tuple[str, ...] = ()
    features_of: str | None = CONTEXT
    """The row whose trunk that is; None where no network is asked."""


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
    """How much is done, and what all rows have in common: tried on a world of another seed."""

    seeds: int = 3
    """Each mines and trains anew, from context prediction on."""
    seed: int = 23
    """Of the division of the objects, and of the drawing."""
    clips: int = 12
    """Of each object that is filmed."""
    trunk: str = "timm:test_resnet"
    side: int = 64
    steps: int = 500
    context_steps: int = 1500
    optimizer: tuple[str, ...] = ("--optimizer", "adamw", "--weight-decay", "0.01", "--schedule", "cosine")
    context: tuple[str, ...] = ("--batch", "64", "--lr", "0.0015", "--warmup", "50", "--head", "256,8")
    ranking: tuple[str, ...] = ("--batch", "64", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    supervised: tuple[str, ...] = ("--batch", "128", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    """As many images a step."""
    augment: str = "mirror,crop,color"


JOINED = ("--features", "hog+trunk:{trunk}")
NETWORK = ("--features", "trunk:{trunk}")
HOG = ("--features", "hog")
# Sizes and numbers of clusters, and k, stay scaled to the data, as everywhere here.
LITERAL = (*NETWORK, "--crops", "color", "--whiten", "0", "--same-video", "allow")
DEFAULT = JOINED
"""Of the candidates that ask the network, as the method does: whose edges between look-alike groups are purest."""
FIRST = "hog"
"""The graph that is there before any network: context prediction takes its frames, which are those of all graphs."""
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
    Graph("frames-15", (*DEFAULT, "--track-frames", "15")),
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
    Row("literal", "Transitive, crops and features as in the paper", "transitive", "literal"),
    Row("hog", "Transitive (HOG)", "transitive", "hog"),
    Row("frames-15", "Transitive (15-frame)", "transitive", "frames-15"),
    Row("again", "Transitive, mined once more", "transitive", "again"),
    Row("tracking-twice", "Tracking, twice the steps", "tracking", "default", passes=2),
    Row("tracking-true", "Tracking, negatives by labels", "tracking", TRUE),
    Row("true", "Transitive, edges by labels (the ceiling)", "transitive", TRUE),
    Row("supervised", "Supervised", "supervised"),
)
