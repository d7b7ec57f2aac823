"""Defaults and limits of a query for triplets or frames. Imports nothing, so that commands can read it at no cost."""

DEFAULT_MIX = "transitive:7,intra:2"
"""Kinds of pairs and their weights: the paper trains on 7 M transitive and 2 M intra pairs (Sec. 6)."""
DEFAULT_COUNT = 100
"""Pairs or frames in a request."""
MAX_TRIPLETS = 4096
"""Largest number of pairs in a request: about 33 MB of images."""
MAX_FRAMES = 1024
"""Largest number of frames in a request."""
