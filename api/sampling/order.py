"""An endless seeded order of pairs that can be read at any position: position → (kind, pair index, epoch).

The order is computed, not stored: the pair at a position follows from the seed, the mix and the number of pairs of each
kind. A block of consecutive positions holds each kind as often as its weight says, in a random order. The pairs of a
kind come in passes one after another, each a random permutation of all pairs of the kind. "Random" means determined by
the seed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from api.errors import MixError, MixUnavailable

KINDS = ("transitive", "intra", "inter")
MAX_WEIGHT = 1000
MAX_MIX = 60
"""Characters of a mix, at most."""
MAX_POSITION = 2**62
ROUNDS = 24
"""Rounds of the permutation. With so many, every order of a few pairs is equally likely, by a chi-square test of
300,000 keys; eight rounds are enough for ranges above thirty."""

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mix:
    """The kinds of pairs in the order, and their weights. The first kind sets the epoch."""

    kinds: tuple[str, ...]
    weights: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Mix:
        """Read a mix such as `transitive:7,intra:2` (the paper's, Sec. 6). Raises MixError."""
        if len(text) > MAX_MIX:
            raise MixError(text, f"it is longer than {MAX_MIX} characters")
        parts = [part.strip().partition(":") for part in text.split(",")]
        kinds = tuple(kind for kind, _, _ in parts)
        for kind in kinds:
            if kind not in KINDS:
                raise MixError(text, f"{kind!r} is not a kind of pair")
            if kinds.count(kind) > 1:
                raise MixError(text, f"{kind} is named twice")
        for kind, _, weight in parts:
            # isdecimal() alone also accepts digits of other scripts.
            if not (weight.isascii() and weight.isdecimal() and len(weight) < 5 and 1 <= int(weight) <= MAX_WEIGHT):
                raise MixError(text, f"the weight of {kind} is {weight!r}")
        return cls(kinds, tuple(int(weight) for _, _, weight in parts))

    def __str__(self) -> str:
        return ",".join(f"{kind}:{weight}" for kind, weight in zip(self.kinds, self.weights, strict=True))

    @property
    def block(self) -> int:
        """The number of consecutive positions that hold each kind as often as its weight says."""
        return sum(self.weights)

    def require(self, sizes: Mapping[str, int]) -> None:
        """Raise MixUnavailable if a kind has no pairs. `sizes` are the numbers of pairs of each kind."""
        if missing := [kind for kind in self.kinds if not sizes[kind]]:
            raise MixUnavailable(str(self), missing, self.workable(sizes))

    def workable(self, sizes: Mapping[str, int]) -> list[str]:
        """Return similar mixes of kinds that have pairs."""
        remaining = (f"{kind}:{weight}" for kind, weight in zip(self.kinds, self.weights, strict=True) if sizes[kind])
        alone = (f"{kind}:1" for kind in KINDS if sizes[kind])
        return [mix for mix in dict.fromkeys([",".join(remaining), *alone]) if mix]


@dataclass(frozen=True, slots=True)
class PairIndices:
    """Kind, index and epoch at each position: `kind` indexes the kinds of the mix, `index` the pairs of the kind."""

    kind: Integers
    index: Integers
    epoch: Integers


def pair_indices(seed: int, mix: Mix, sizes: Mapping[str, int], positions: Integers) -> PairIndices:
    """Return the pairs at `positions` (from 0 to 2^62). `sizes` are the numbers of pairs of each kind.

    An epoch is one pass over the pairs of the mix's first kind. Pairs of other kinds have the epoch of their position.
    """
    block, slot = np.divmod(positions, mix.block)
    blocks, row = np.unique(block, return_inverse=True)
    kind_at = _arrange(seed, mix, blocks)
    kind = kind_at[row, slot]
    index = np.empty_like(positions)
    epoch = np.empty_like(positions)
    for number, (name, weight) in enumerate(zip(mix.kinds, mix.weights, strict=True)):
        # The number of pairs of this kind before each position: the next pair's place in the sequence of the kind.
        is_kind = kind_at == number
        before = block * weight + (np.cumsum(is_kind, axis=1) - is_kind)[row, slot]
        if number == 0:
            epoch = before // sizes[name]
        of_kind = kind == number
        index[of_kind] = _pairs(seed, name, sizes[name], before[of_kind])
    return PairIndices(kind, index, epoch)


def passes(seed: int, kind: str, size: int, positions: Integers) -> tuple[Integers, Integers]:
    """Return the index and the pass at `positions` of the sequence of one kind: permuted passes over `size` items."""
    return _pairs(seed, kind, size, positions), positions // size


def permute(index: Integers, size: int, keys: Words) -> Integers:
    """Return the image of each index in [0, size) under a keyed permutation of that range, in constant memory.

    `keys` are 64-bit words, ROUNDS by N or by 1. The permutation is an alternating Feistel network over a grid slightly
    larger than the range: it adds a hash of the column to the row, then a hash of the row to the column. A result
    outside the range is permuted again until it is inside (cycle walking), which keeps the map one-to-one.
    """
    # The number of columns is even: shifts of odd cycles alone would give even permutations only.
    columns = (math.isqrt(size - 1) + 2) // 2 * 2
    rows = -(-size // columns)
    keys = np.broadcast_to(keys, (ROUNDS, len(index)))
    place = _feistel(index.astype(np.uint64), rows, columns, keys)
    while (outside := np.flatnonzero(place >= size)).size:
        place[outside] = _feistel(place[outside], rows, columns, keys[:, outside])
    return place.astype(np.int64)


def draw(seed: int, purpose: str, positions: Integers, number: Integers | int = 0) -> Words:
    """Return a random 64-bit word for each position and number, determined by the seed and the purpose."""
    first, second = keyed_words(2, seed, purpose)[:, None]
    return mix64(mix64(positions.astype(np.uint64) + first) ^ (np.asarray(number).astype(np.uint64) + second))


def keyed_words(count: int, *name: str | int) -> Words:
    """Return `count` random words that are determined by the name."""
    key = "/".join(map(str, name)).encode()
    digests = (blake2b(key, salt=part.to_bytes(16, "little")).digest() for part in range(-(-count // 8)))
    return np.frombuffer(b"".join(digests), "<u8")[:count].astype(np.uint64)


def mix64(words: Words) -> Words:
    """Apply the finalizer of splitmix64: one-to-one, and each bit of a word affects every bit of the result."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _arrange(seed: int, mix: Mix, blocks: Integers) -> Integers:
    """Return the kind in each slot of each block: exactly as many as the weights say, in random order."""
    slots = np.arange(mix.block)
    words = draw(seed, f"block {mix}", np.repeat(blocks, mix.block), np.tile(slots, len(blocks)))
    shuffled = np.argsort(words.reshape(len(blocks), mix.block), axis=1, kind="stable")
    kind_at = np.empty_like(shuffled)
    np.put_along_axis(kind_at, shuffled, np.repeat(np.arange(len(mix.kinds)), mix.weights)[None, :], axis=1)
    return kind_at


def _pairs(seed: int, kind: str, size: int, sequence: Integers) -> Integers:
    """Return the indices at places of the sequence of a kind, which is made of permuted passes."""
    number, index = np.divmod(sequence, size)
    passes, which = np.unique(number, return_inverse=True)
    keys = np.array([keyed_words(ROUNDS, seed, kind, one) for one in passes.tolist()], np.uint64).reshape(-1, ROUNDS)
    return permute(index, size, keys[which].T)


def _feistel(place: Words, rows: int, columns: int, keys: Words) -> Words:
    row, column = np.divmod(place, np.uint64(columns))
    for number, key in enumerate(keys):
        # Reduce each term before the sum: a sum that wraps at 2^64 is not one-to-one.
        if number % 2 == 0:
            row = (row + mix64(column + key) % np.uint64(rows)) % np.uint64(rows)
        else:
            column = (column + mix64(row + key) % np.uint64(columns)) % np.uint64(columns)
    return row * np.uint64(columns) + column
