"""Rates that can be compared on a busy machine: interleaved rounds, medians, and ratios within a round."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 7
SECONDS = 2.0
"""Duration of one measurement."""


def rate(work: Callable[[], float], seconds: float = SECONDS) -> float:
    """Call `work`, which returns how many units it did, for `seconds`; return the units a second."""
    done, began = 0.0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        done += work()
    return done / passed


def interleaved_rates(works: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """Measure several works in the order A B A B …, so that other load affects all of them."""
    for work in works.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(rate(work))
    return rates


def print_rates(title: str, unit: str, rates: Mapping[str, list[float]], base: str | None = None) -> None:
    """Print median and range of each rate, and of its ratio to `base` in the same round."""
    print(f"\n{title}")
    for name, values in rates.items():
        line = f"  {name:<34} {statistics.median(values):>12,.1f} {unit}  ({min(values):,.1f} to {max(values):,.1f})"
        if base and name != base:
            line += f"  ratio {_ratio(values, rates[base])}"
        print(line)


def print_ratios(of: str, rates: Mapping[str, list[float]]) -> None:
    """Print the ratio of the rate `of` to each of the others in the same round."""
    for name, values in rates.items():
        if name != of:
            print(f"  {of} over {name}: {_ratio(rates[of], values)}")


def _ratio(values: list[float], base: list[float]) -> str:
    ratios = [value / other for value, other in zip(values, base, strict=True)]
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
