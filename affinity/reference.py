"""`python -m affinity.reference`: write the tables of docs/reference/settings.md from the code."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from cyclopts import App
from cyclopts.argument import Argument

from affinity.cli import COMMANDS, app
from api.settings import ServiceSettings
from foundation.tables import settings_table, table
from ingest.settings import ClusterSettings, IngestSettings, MiningSettings
from trainer.settings import RuntimeSettings, TrainSettings

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "settings.md"
BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
SETTINGS = {
    "ingest": IngestSettings,
    "clustering": ClusterSettings,
    "mining": MiningSettings,
    "training": TrainSettings,
    "runtime": RuntimeSettings,
    "service": ServiceSettings,
}
VARIABLES = {
    "AFFINITY_DATA": "The data folder, for commands without `--data`.",
    "AFFINITY_CACHE": "The folder for Neo4j's jars and its startup archive; all data folders share it.",
    "AFFINITY_API_KEY": "A key with all scopes, beside those of `affinity keys create`; the trainer and the export "
    "send it.",
    "AFFINITY_CACHE_BYTES": f"Memory of each service process for windows of the order, in bytes. Default: "
    f"{ServiceSettings.cache_bytes:,}.",
    "NEO4J_URI": "The address of your own Neo4j, which is used instead of the local one.",
    "NEO4J_USER": "The user of your own Neo4j. Default: neo4j.",
    "NEO4J_PASSWORD": "The password of your own Neo4j.",
    "NEO4J_PASSWORD_FILE": "A file whose first line is the password.",
    "NEO4J_DATABASE": "The database of your own Neo4j. Default: the user's home database.",
    "AFFINITY_SHARED_DATABASE": "The name of a database that may hold other data beside ours.",
}
"""Environment variables that the code reads."""


def arguments(of: App = app, words: tuple[str, ...] = ()) -> Iterator[tuple[str, Argument]]:
    """Every argument and option of every command."""
    for name in of:
        if not name.startswith("-"):
            yield from arguments(of[name], (*words, name))
    if of.default_command:
        with app.app_stack(list(words)):  # The options depend on the defaults of the parent apps.
            for argument in of.assemble_argument_collection():
                yield " ".join(words), argument


def commands() -> dict[str, set[str]]:
    """Every command and the options that it takes."""
    found: dict[str, set[str]] = {words: set() for words, (function, _) in COMMANDS.items() if function}
    for words, argument in arguments():
        found[words].update(name for name in argument.names if name.startswith("-"))
    return found


def page(text: str) -> str:
    """The page with its generated tables made anew."""
    return BLOCK.sub(lambda match: f"{match[1]}\n{generated(match[2])}\n\n{match[3]}", text)


def generated(name: str) -> str:
    """One table of the page."""
    if name in SETTINGS:
        return settings_table(SETTINGS[name])
    if name == "variables":
        return table(("variable", "meaning"), [(f"`{one}`", meaning) for one, meaning in VARIABLES.items()])
    if name == "options":
        return options_table()
    rows = [(f"`affinity {usage(words)}`", help) for words, (function, help) in COMMANDS.items() if function]
    return table(("command", "meaning"), rows)


def usage(words: str) -> str:
    """The command with its arguments."""
    names = (name for of, argument in arguments() if of == words for name in argument.names)
    return " ".join([words, *(name for name in names if name.isupper())])


def options_table() -> str:
    """The options that are not in a table of settings. An option that several commands share has one row."""
    found: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for words, argument in arguments():
        option, is_setting = argument.names[0], bool(argument.keys)
        if option.startswith("--") and not is_setting:
            default, shown = argument.field_info.default, argument.parameter.show_default is None
            text = f"{default}" if shown and default not in (None, argument.field_info.empty) else ""
            found[f"`{option}`", text, argument.parameter.help or ""].append(words)
    rows = [
        (option, "most commands" if len(words) > 6 else ", ".join(words), default, help)
        for (option, default, help), words in found.items()
    ]
    return table(("option", "commands", "default", "meaning"), rows)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
