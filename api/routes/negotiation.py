"""Which of two forms a client asks for (the Accept header of RFC 9110)."""

from __future__ import annotations

from collections.abc import Sequence


def preferred(accept: str | None, offers: Sequence[str]) -> str | None:
    """The offer that the header ranks highest, the first one of equals; None where it accepts none of them."""
    if not accept or not accept.strip():
        return offers[0]
    ranges = [_range(part) for part in accept.split(",")]
    weight, best = max(((_weight(offer, ranges), -i) for i, offer in enumerate(offers)), default=(0.0, 0))
    return offers[-best] if weight > 0 else None


def _range(part: str) -> tuple[str, float]:
    """A media range, such as `text/*;q=0.5`, and its weight."""
    media, *parameters = (piece.strip().lower() for piece in part.split(";"))
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return media, min(max(0.0, float(value)), 1.0)  # 0 for what is not a number, too
            except ValueError:
                return media, 0.0
    return media, 1.0


def _weight(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    """What the most specific range that covers the offer gives it."""
    for cover in (offer, offer.partition("/")[0] + "/*", "*/*"):
        for media, weight in ranges:
            if media == cover:
                return weight
    return 0.0
