"""The front door: one command, `affinity`, that mounts what each package offers. Imports nothing heavy."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType

import typer

import affinity.doctor.cli
import api.cli
import graphdb.cli
import ingest.cli
import ingest.contact_sheets.cli
import trainer.cli
from affinity.demo import demo
from affinity.error_messages import sentence
from api.wire.errors import ClientError
from foundation.errors import AffinityError

RESUMED = ("ingest", "cluster", "train", "demo", "forget", "export", "graph start", "graph prune")
"""Commands that keep what they did and go on from there when they are run again."""

app = typer.Typer(
    help="Unlabeled video to a visual representation, through an affinity graph in Neo4j.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(graphdb.cli.app, name="graph")
graphdb.cli.app.command()(ingest.cli.quality)
graphdb.cli.app.command()(ingest.cli.prune)
app.command()(ingest.cli.ingest)
app.command()(ingest.cli.cluster)
app.command()(ingest.cli.forget)
app.add_typer(ingest.contact_sheets.cli.app, name="show")
app.command()(api.cli.serve)
app.command()(api.cli.export)
app.add_typer(api.cli.keys_app, name="keys")
app.command()(trainer.cli.train)
app.command("export-weights")(trainer.cli.export_weights)
app.add_typer(trainer.cli.evaluate_app, name="evaluate")
app.command()(affinity.doctor.cli.doctor)
app.command()(demo)


def main() -> None:
    """Run the command. An error of our own, or of the machine, is a sentence for its reader; any other is a bug and
    keeps its traceback."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        app()
    except Exception as error:
        if (status := interrupted(error)) is not None:
            sys.exit(status)
        said = str(error) if is_ours(error) else sentence(error)
        if said is None:
            raise
        typer.secho(f"affinity: {said}", fg="red", err=True)
        sys.exit(1)


def is_ours(error: Exception) -> bool:
    """Whether the error's message is a sentence for the user. The client stands alone, and has a root of its own."""
    return isinstance(error, AffinityError | ClientError)


def interrupt(signum: int, frame: FrameType | None) -> None:
    """Ctrl-C and SIGTERM end a command with every `finally` on the way out, and say so before that; a second one
    ends it at once."""
    if in_finalizer(frame):
        # What is raised there is printed and forgotten, and the command would go on: come again in a moment.
        signal.signal(signal.SIGALRM, lambda _, later: interrupt(signum, later))
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        return
    signal.signal(signum, signal.SIG_DFL)
    # Not through sys.stderr: the signal may have come in the middle of a print.
    os.write(2, f"affinity: {farewell(' '.join(sys.argv[1:3]))}\n".encode())
    if signum == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + signum)


def in_finalizer(frame: FrameType | None) -> bool:
    """Whether the program is clearing away an object."""
    while frame:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def interrupted(error: BaseException | None) -> int | None:
    """The exit status of the signal that a command was on its way out for when this error came up, if any did."""
    while error := error and error.__context__:
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
    return None


def farewell(command: str) -> str:
    """What a signal means for the command whose first words these are."""
    if command.startswith("serve"):
        return "stopped."  # how a service ends, not what interrupts it
    if command.startswith(RESUMED):
        return "interrupted. What is done is kept; the same command goes on from there."
    return "interrupted."


if __name__ == "__main__":
    main()
