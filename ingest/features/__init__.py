"""Crops in, unit vectors out: what clustering compares. And the files that keep them.

An extractor is a name, a digest of all that its numbers depend on, and a call: HOG, or a network of torchvision, of
timm or of our own trainer. Networks are imported when one is asked for, and torch with them.
"""

from ingest.features.base import Extractor, Recipe, load_extractor, normalize
from ingest.features.storage import drop_features, features_name, features_path, read_features, segment_of, write_features
from ingest.features.hog import HogExtractor

__all__ = [
    "Extractor",
    "HogExtractor",
    "Recipe",
    "drop_features",
    "features_name",
    "features_path",
    "load_extractor",
    "normalize",
    "read_features",
    "segment_of",
    "write_features",
]
