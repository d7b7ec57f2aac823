"""The plan of the experiment: the graphs that are mined and the rows that are trained on them, once for each seed."""

from __future__ import annotations

from dataclasses import dataclass

CONTEXT = "context"
"""The run whose trunk gives features for mining, and initial weights for all other runs."""


@dataclass(frozen=True)
class Graph:
    """One way to link the tracks: options of `affinity cluster`. `{trunk}` stands for the file of a trained trunk."""

    name: str
    options: tuple[str, ...] = ()
    features_of: str | None = CONTEXT
    """The row whose trunk is used; None if no network is used."""


@dataclass(frozen=True)
class Row:
    """One row of the table: a training on a graph, or features without training."""

    name: str
    title: str
    objective: str | None
    """The objective of `affinity train`; None for features without training."""
    graph: str | None = None
    passes: int = 1
    """Multiple of the usual number of training steps."""


@dataclass(frozen=True)
class Scale:
    """The size of the experiment, and the settings that all rows share. They were tried on a world of another seed."""

    seeds: int = 3
    """Number of repetitions of mining and training, context prediction included."""
    seed: int = 23
    """Seed for the division of the objects and for drawing the world."""
    clips: int = 12
    """Clips of each filmed object."""
    trunk: str = "timm:test_resnet"
    side: int = 64
    steps: int = 500
    context_steps: int = 1500
    optimizer: tuple[str, ...] = ("--optimizer", "adamw", "--weight-decay", "0.01", "--schedule", "cosine")
    context: tuple[str, ...] = ("--batch", "64", "--lr", "0.0015", "--warmup", "50", "--head", "256,8")
    ranking: tuple[str, ...] = ("--batch", "64", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    supervised: tuple[str, ...] = ("--batch", "128", "--lr", "0.001", "--warmup", "20", "--head", "512,128")
    """As many images in a step as `ranking` has in its pairs."""
    augment: str = "mirror,crop,color"


JOINED = ("--features", "hog+trunk:{trunk}")
NETWORK = ("--features", "trunk:{trunk}")
HOG = ("--features", "hog")
# Cluster sizes, cluster numbers and k stay scaled to the data, as in all other graphs.
LITERAL = (*NETWORK, "--crops", "color", "--whiten", "0", "--same-video", "allow")
DEFAULT = JOINED
"""The candidate that uses the network, as the method does, and has the purest edges between look-alike groups."""
FIRST = "hog"
"""The graph that needs no network. Context prediction takes its frames, which are the same in all graphs."""
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
"""Ways to mine that are compared on the objects for choosing settings; the report leaves them out."""
GRAPHS = (
    Graph("default", DEFAULT),
    Graph("network", NETWORK),
    Graph("literal", LITERAL),
    Graph("hog", HOG, features_of=None),
    Graph("frames-15", (*DEFAULT, "--track-frames", "15")),
    Graph("again", DEFAULT, features_of="transitive"),
)
TRUE = "true"
"""The name of the graph whose edges come from labels."""

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
