"""The uncertainty of a mean: bootstrap over independent groups."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 10_000

# N = values, G = groups, R = resamples


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.3f} [{self.low:.3f}, {self.high:.3f}]"


def bootstrap_mean(values_N: NDArray[np.float64], groups_N: NDArray[np.int64], seed: int) -> Estimate:
    """Estimate the mean of the values. The interval comes from resampling groups, whose values err together."""
    _, group_N = np.unique(groups_N, return_inverse=True)
    sums_G = np.bincount(group_N, weights=values_N)
    counts_G = np.bincount(group_N)
    random = np.random.default_rng(seed)
    drawn_RG = random.multinomial(len(sums_G), np.full(len(sums_G), 1 / len(sums_G)), size=RESAMPLES)
    low, high = np.quantile((drawn_RG @ sums_G) / (drawn_RG @ counts_G), [0.025, 0.975])
    return Estimate(float(values_N.mean()), float(low), float(high))
