"""Rates that can be compared on a noisy machine: rounds in turn, medians, and ratios within one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 7
SECONDS = 2.0


def rate(work: Callable[[], float], seconds: float = SECONDS) -> float:
    """Units a second: `work` is called for `seconds` and says how many units each call did."""
    done, began = 0.0, time.perf_counter()
    while (passed := time.perf_counter() - began) < seconds:
        done += work()
    return done / passed


def in_turn(works: Mapping[str, Callable[[], float]], rounds: int = ROUNDS) -> dict[str, list[float]]:
    """The rates of several works, measured A B A B …, so that the machine's moods meet all of them."""
    for work in works.values():
        work()
    rates: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            rates[name].append(rate(work))
    return rates


def show(title: str, unit: str, rates: Mapping[str, list[float]], base: str | None = None) -> None:
    """Median with spread of each, and the median ratio to `base`, round by round."""
    print(f"\n{title}")
    for name, values in rates.items():
        line = f"  {name:<34} {statistics.median(values):>12,.1f} {unit}  ({min(values):,.1f} to {max(values):,.1f})"
        if base and name != base:
            ratios = [value / other for value, other in zip(values, rates[base], strict=True)]
            line += f"  ratio {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
        print(line)


def show_ratios(of: str, rates: Mapping[str, list[float]]) -> None:
    """How many times as fast `of` is as each of the others, round by round."""
    for name, values in rates.items():
        if name != of:
            ratios = [mine / other for mine, other in zip(rates[of], values, strict=True)]
            print(f"  {of} over {name}: {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")
