"""Turn settings into command-line options with cyclopts, and define the options that many commands share."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypedDict, TypeVar

from cyclopts import App, CycloptsError, Group, Parameter

from foundation.settings import Declaration, Limits, declarations, default_text

S = TypeVar("S")
HELP_ALL = "--help-all"
OPTIONS = Group("Options", sort_key=9)
"""The panel of options that are not settings."""
NONE_GIVEN: Any = MappingProxyType({})
"""The default of a parameter of type `Given`: the command line gave no setting of the class."""

Data = Annotated[Path | None, Parameter(help="Data folder. Default: AFFINITY_DATA, else the platform's own.")]
Json = Annotated[bool, Parameter(help="Print one JSON object on stdout.", negative=(), show_default=False)]
Yes = Annotated[
    bool, Parameter(name=("--yes", "-y"), help="Do not ask for confirmation.", negative=(), show_default=False)
]
ApiKey = Annotated[
    str | None,
    Parameter(
        help="API key of the service. Default: AFFINITY_API_KEY.", env_var="AFFINITY_API_KEY", show_env_var=False
    ),
]

if TYPE_CHECKING:

    class Given(dict[str, Any], Generic[S]):
        """The settings of a class that the command line gave, by name. Other settings are not in it."""

else:

    class Given:
        def __class_getitem__(cls, kind: type) -> Any:
            return Annotated[options(kind), Parameter(name="*")]


def options(kind: type) -> Any:
    """A TypedDict with an optional key for each setting. Cyclopts makes options of the keys."""
    declared = {name: one for name, one in declarations(kind).items() if one[0].option}
    more = any(declaration.advanced for declaration, _, _ in declared.values()) and HELP_ALL not in sys.argv
    group = Group(
        getattr(kind, "panel", kind.__name__),
        help=f"{HELP_ALL} shows more options." if more else "",
        sort_key=getattr(kind, "panel_order", 1),
    )
    fields = {
        name: Annotated[hint, option(declaration, default, group)]
        for name, (declaration, hint, default) in declared.items()
    }
    return TypedDict(kind.__name__, fields, total=False)  # type: ignore[operator]  # made at run time


def option_of(kind: type, name: str) -> Parameter:
    """The option of one setting of a class, for a command that does not take the others."""
    declaration, _, default = declarations(kind)[name]
    return option(declaration, default)


def option(declaration: Declaration, default: Any, group: Group = OPTIONS) -> Parameter:
    """The command-line option of one setting."""
    shown = default_text(declaration, default)
    return Parameter(
        help=" ".join(
            filter(
                None,
                (
                    declaration.help,
                    declaration.paper and f"Paper: {declaration.paper}.",
                    shown and f"Default: {shown}.",
                ),
            )
        ),
        group=group,
        validator=within(declaration.limits),
        show_default=False,
        show=not declaration.advanced or HELP_ALL in sys.argv,
    )


def within(limits: Limits) -> Callable[[Any, Any], None]:
    """A validator that refuses numbers outside the limits, as a usage error."""

    def validate(_: Any, value: Any) -> None:
        if value is not None and str(limits) and not limits.allow(value):
            raise ValueError(f"It must be {limits}.")

    return validate


def command_app(name: str, help: str, sort_key: int | None = None) -> App:
    """A command, or a group of commands. No module of a command is imported before the command runs."""
    return App(
        name=name,
        help=help,
        sort_key=sort_key,
        help_flags=("--help", "-h", HELP_ALL),
        version_flags=(),
        help_format="plaintext",  # The Markdown parser takes 0.3 s to import.
        group_parameters=OPTIONS,
        # An option that is given twice has its last value, so that a script can override its defaults.
        default_parameter=Parameter(negative_iterable=(), allow_repeating=True),
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
        result_action="return_value",
    )


def usage_message(error: CycloptsError) -> str:
    """What is wrong with a command line, on one line and in plain words."""
    message = " ".join(str(error).split())
    return message.replace("into int.", "into a whole number.").replace("into float.", "into a number.")


def confirm(question: str) -> bool:
    """Ask on stderr, so that stdout stays free for results. The end of input counts as no."""
    print(f"{question} [y/N]: ", end="", file=sys.stderr, flush=True)
    try:
        answer = input()
    except EOFError:
        answer = ""
    return answer.strip().lower() in ("y", "yes")
