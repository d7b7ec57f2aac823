"""One endless seeded order of pairs, read at any position: position → (kind, pair index, epoch).

Nothing is stored and nothing is counted up: what stands at a position follows from the seed, the mix and how many
pairs of each kind there are. A block of consecutive positions holds every kind as often as its weight says, in keyed
order. The pairs of a kind come in passes, each a keyed permutation of all of them, one after the other.
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
MAX_POSITION = 2**62
# Enough that every order of a handful of pairs is equally likely, by a chi-square test of 300,000 keys; ranges of
# more than thirty would do with eight.
ROUNDS = 24

Words = NDArray[np.uint64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each kind of pair comes. The first kind sets the epoch."""

    kinds: tuple[str, ...]
    weights: tuple[int, ...]

    @classmethod
    def parse(cls, text: str) -> Mix:
        """The mix written as `transitive:7,intra:2` (the paper's, Sec. 6). Raises MixError."""
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
            # isdecimal alone would accept digits of other scripts.
            if not (weight.isascii() and weight.isdecimal() and len(weight) < 5 and 1 <= int(weight) <= MAX_WEIGHT):
                raise MixError(text, f"the weight of {kind} is {weight!r}")
        return cls(kinds, tuple(int(weight) for _, _, weight in parts))

    def __str__(self) -> str:
        return ",".join(f"{kind}:{weight}" for kind, weight in zip(self.kinds, self.weights, strict=True))

    @property
    def block(self) -> int:
        """How many positions hold each kind as often as its weight says."""
        return sum(self.weights)

    def require(self, sizes: Mapping[str, int]) -> None:
        """Raises MixUnavailable where there are no pairs of a kind that it names; `sizes` says how many there are."""
        if missing := [kind for kind in self.kinds if not sizes[kind]]:
            raise MixUnavailable(str(self), missing, self.workable(sizes))

    def workable(self, sizes: Mapping[str, int]) -> list[str]:
        """Mixes near this one that only name kinds of which there are pairs."""
        kept = (f"{kind}:{weight}" for kind, weight in zip(self.kinds, self.weights, strict=True) if sizes[kind])
        alone = (f"{kind}:1" for kind in KINDS if sizes[kind])
        return [mix for mix in dict.fromkeys([",".join(kept), *alone]) if mix]


@dataclass(frozen=True, slots=True)
class PairIndices:
    """What stands at some positions: `kind` indexes the mix's kinds, `index` is that of the pair in its kind."""

    kind: Integers
    index: Integers
    epoch: Integers


def places(seed: int, mix: Mix, sizes: Mapping[str, int], positions: Integers) -> PairIndices:
    """What stands at `positions` (from 0 up to 2^62), where `sizes` says how many pairs of each kind there are.

    One epoch is one pass over the pairs of the mix's first kind; pairs of other kinds carry the epoch they come in.
    """
    block, slot = np.divmod(positions, mix.block)
    blocks, row = np.unique(block, return_inverse=True)
    kind_at = _arrange(seed, mix, blocks)
    kind = kind_at[row, slot]
    index = np.empty_like(positions)
    epoch = np.empty_like(positions)
    for number, (name, weight) in enumerate(zip(mix.kinds, mix.weights, strict=True)):
        # How many pairs of this kind come before each position: the place of the next in the kind's own sequence.
        is_kind = kind_at == number
        before = block * weight + (np.cumsum(is_kind, axis=1) - is_kind)[row, slot]
        if number == 0:
            epoch = before // sizes[name]
        mine = kind == number
        index[mine] = _pairs(seed, name, sizes[name], before[mine])
    return PairIndices(kind, index, epoch)


def passes(seed: int, kind: str, size: int, positions: Integers) -> tuple[Integers, Integers]:
    """What stands at `positions` of one kind's own endless sequence of permuted passes over `size` things: the index
    of each, and the pass that it comes in."""
    return _pairs(seed, kind, size, positions), positions // size


def permute(index: Integers, size: int, keys: Words) -> Integers:
    """Where each index in [0, size) goes in a keyed permutation of that range, in constant memory.

    `keys` are 64-bit words, ROUNDS by N or by 1. An alternating Feistel network over a grid just larger than the
    range (a row's place shifts by a hash of the column, then a column's by a hash of the row); what lands on the grid
    but outside the range is sent on until it is inside, which keeps it one-to-one.
    """
    # An even number of columns: shifts of odd cycles alone would reach even permutations only.
    columns = (math.isqrt(size - 1) + 2) // 2 * 2
    rows = -(-size // columns)
    keys = np.broadcast_to(keys, (ROUNDS, len(index)))
    place = _feistel(index.astype(np.uint64), rows, columns, keys)
    while (outside := np.flatnonzero(place >= size)).size:
        place[outside] = _feistel(place[outside], rows, columns, keys[:, outside])
    return place.astype(np.int64)


def draw(seed: int, purpose: str, positions: Integers, number: Integers | int = 0) -> Words:
    """A keyed 64-bit word for each position and number, as if drawn at random."""
    first, second = keyed_words(2, seed, purpose)[:, None]
    return mix64(mix64(positions.astype(np.uint64) + first) ^ (np.asarray(number).astype(np.uint64) + second))


def keyed_words(count: int, *name: str | int) -> Words:
    """Words (`count`) that nothing but this name gives."""
    key = "/".join(map(str, name)).encode()
    digests = (blake2b(key, salt=part.to_bytes(16, "little")).digest() for part in range(-(-count // 8)))
    return np.frombuffer(b"".join(digests), "<u8")[:count].astype(np.uint64)


def mix64(words: Words) -> Words:
    """The finalizer of splitmix64: each bit of a word decides about every bit of the result. One-to-one."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _arrange(seed: int, mix: Mix, blocks: Integers) -> Integers:
    """The kind in each slot of each block: the weights hold exactly, the order is keyed."""
    slots = np.arange(mix.block)
    lots = draw(seed, f"block {mix}", np.repeat(blocks, mix.block), np.tile(slots, len(blocks)))
    by_lot = np.argsort(lots.reshape(len(blocks), mix.block), axis=1, kind="stable")
    kind_at = np.empty_like(by_lot)
    np.put_along_axis(kind_at, by_lot, np.repeat(np.arange(len(mix.kinds)), mix.weights)[None, :], axis=1)
    return kind_at


def _pairs(seed: int, kind: str, size: int, sequence: Integers) -> Integers:
    """The indices at places of a kind's own endless sequence of permuted passes."""
    number, index = np.divmod(sequence, size)
    passes, which = np.unique(number, return_inverse=True)
    keys = np.array([keyed_words(ROUNDS, seed, kind, one) for one in passes.tolist()], np.uint64).reshape(-1, ROUNDS)
    return permute(index, size, keys[which].T)


def _feistel(place: Words, rows: int, columns: int, keys: Words) -> Words:
    row, column = np.divmod(place, np.uint64(columns))
    for turn, key in enumerate(keys):
        # Reduced before the sum: a sum that wraps at 2^64 would not be one-to-one.
        if turn % 2 == 0:
            row = (row + mix64(column + key) % np.uint64(rows)) % np.uint64(rows)
        else:
            column = (column + mix64(row + key) % np.uint64(columns)) % np.uint64(columns)
    return row * np.uint64(columns) + column
