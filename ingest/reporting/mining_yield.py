"""How much mining found in the footage, what it lost most, and what to change if that is little."""

from __future__ import annotations

from collections import Counter

from ingest.rejections import Funnel, Rejection
from ingest.settings import MiningSettings

NAMED = 3
"""Reasons that are named."""
LITTLE = 3.0
"""Tracks a minute of footage, below which the user is told what to change."""
RAISED = frozenset({"max_moving", "trajectory_max_moving", "footage_starts"})
"""Settings whose larger values give more tracks; the others are lowered."""


def yield_text(minutes: float, funnel: Funnel, settings: MiningSettings) -> str:
    """Say in plain sentences how many tracks a minute of footage gave, and why not more."""
    rate = funnel.tracks / minutes if minutes else 0.0
    text = f"{minutes:.1f} minutes of footage, {rate:.1f} tracks a minute."
    losses = lost(funnel)
    if losses:
        reasons = (f"{reason} ({count:,})" for reason, count in losses.most_common(NAMED))
        text += f" Most often lost: {', '.join(reasons)}."
    advice = _advice(losses, settings) if rate < LITTLE else ""
    return f"{text} {advice}".strip()


def lost(funnel: Funnel) -> Counter[Rejection]:
    """Return how often each reason lost a frame, a thing or a start."""
    return funnel.rejected + funnel.lost


def _advice(losses: Counter[Rejection], settings: MiningSettings) -> str:
    """Name the option that decided most often, and the direction that gives more tracks."""
    for reason, _ in losses.most_common():
        name = reason.setting(settings.motion)
        if name:
            verb = "raise" if name in RAISED else "lower"
            return f"For more tracks, {verb} --{name.replace('_', '-')}, which is {getattr(settings, name):g}."
    return ""
