"""Make the tables of settings in the docs from the declarations."""

from __future__ import annotations

from foundation.settings import choices, declarations, default_text

HEAD = ("option", "default", "allowed", "paper", "meaning")


def settings_table(*kinds: type) -> str:
    """A Markdown table with a row for each option of some settings classes."""
    rows = []
    for kind in kinds:
        for name, (declaration, hint, default) in declarations(kind).items():
            if declaration.option:
                option = f"`--{name.replace('_', '-')}`"
                allowed = ", ".join(f"`{word}`" for word in choices(hint)) or str(declaration.limits)
                shown = default_text(declaration, default)
                rows.append((option, shown, allowed, declaration.paper, declaration.help))
    return table(HEAD, rows)


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    rule = "|".join("---" for _ in head)
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return "\n".join([lines[0], f"|{rule}|", *(line.replace("|  |", "| |") for line in lines[1:])])
