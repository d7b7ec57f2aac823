"""Make the tables of settings in the docs from the declarations."""

from __future__ import annotations

from collections.abc import Sequence

from foundation.settings import choices, declarations, default_text

HEAD = ("option", "default", "allowed", "paper", "meaning")


def settings_table(*kinds: type) -> str:
    """A Markdown table with a row for each option of some settings classes."""
    rows: list[tuple[str, ...]] = []
    for kind in kinds:
        for name, (declaration, hint, default) in declarations(kind).items():
            if declaration.option:
                option = f"`--{name.replace('_', '-')}`"
                allowed = ", ".join(f"`{word}`" for word in choices(hint)) or str(declaration.limits)
                shown = default_text(declaration, default)
                rows.append((option, shown, allowed, declaration.paper, declaration.help))
    return table(HEAD, rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A Markdown table."""
    return "\n".join([_line(head), "|" + "---|" * len(head), *map(_line, rows)])


def _line(cells: tuple[str, ...]) -> str:
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"
