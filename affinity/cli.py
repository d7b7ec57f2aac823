"""The command `affinity`: a table of all commands. The module of a command is imported only when that command runs."""

from __future__ import annotations

import errno
import os
import signal
import sys
from types import FrameType

from cyclopts import CycloptsError

from foundation.errors import AffinityError
from foundation.options import command_app, usage_message

COMMANDS: dict[str, tuple[str | None, str]] = {
    "ingest": ("ingest.cli:ingest", "Mine and track patches of videos, link them, and publish a snapshot to train on."),
    "cluster": ("ingest.cli:cluster", "Link the patches that were mined before, and publish a snapshot."),
    "forget": (
        "ingest.cli:forget",
        "Delete videos with their patches, pixels, features and edges. Snapshots that use them end; each gets a "
        "successor without them.",
    ),
    "show": ("ingest.contact_sheets.cli:show", "Draw a contact sheet of what the graph holds."),
    "graph": (None, "The local Neo4j that holds the graph."),
    "serve": ("api.cli:serve", "Serve triplets, snapshots and patches over HTTP until stopped (Ctrl-C, SIGTERM)."),
    "keys": (None, "API keys of the service."),
    "export": (
        "api.cli:export",
        "Write an epoch of triplets, with their pixels, to files. An interrupted export continues where it stopped.",
    ),
    "train": (
        "trainer.cli:train",
        "Train a network on a snapshot, over HTTP. A run that exists continues from its last checkpoint.",
    ),
    "export-weights": (
        "trainer.cli:export_weights",
        "Write a trunk as a plain state dict of torchvision or timm, which loads there with strict=True.",
    ),
    "evaluate": (None, "Measure what a network has learned."),
    "doctor": (
        "affinity.doctor.cli:doctor",
        "Check this machine: what is installed, what is missing, and what to do about it. Changes and starts nothing.",
    ),
    "demo": (
        "affinity.demo:demo",
        "Run the whole job: videos, graph, snapshot, triplets over HTTP, training, evaluation.",
    ),
    "graph start": (
        "graphdb.cli:start",
        "Start Neo4j if it is not running, and print its address. The first start downloads it.",
    ),
    "graph stop": ("graphdb.cli:stop", "Stop Neo4j. The graph stays."),
    "graph status": (
        "graphdb.cli:status",
        "Print whether Neo4j runs, its address, and what the graph holds. Starts nothing.",
    ),
    "graph reset": (
        "graphdb.cli:reset",
        "Delete the graph, and the pixels, features and fits that belong to it. Trained runs stay.",
    ),
    "graph check": (
        "graphdb.cli:check",
        "Compare graph and data folder, with every image. The exit status is 1 if damage remains.",
    ),
    "graph quality": (
        "ingest.cli:quality",
        "Measure the INTER edges of a snapshot; with labels, how often they join one class, and how often chance does.",
    ),
    "graph prune": (
        "ingest.cli:prune",
        "Delete what only old snapshots need: edges, tracks, patches, pixels, fits and features.",
    ),
    "graph export": (
        "graphdb.cli:export",
        "Write the whole graph to a folder, as CSV for `affinity graph import` and `neo4j-admin database import`.",
    ),
    "graph import": (
        "graphdb.cli:import_",
        "Load an exported graph into the empty Neo4j of the data folder, which must hold its pixels already.",
    ),
    "graph admin": (
        "graphdb.cli:admin",
        "Run Neo4j's neo4j-admin on the folder of the local server: dump, load, check. Most of it needs Neo4j stopped.",
    ),
    "keys create": ("api.cli:create_key", "Make a key and print it. It cannot be printed again."),
    "keys list": ("api.cli:list_keys", "List the keys, without their secrets."),
    "keys revoke": ("api.cli:revoke_key", "Delete a key. Running services refuse it from their next request on."),
    "evaluate knn": (
        "trainer.cli:knn",
        "Classify the images of a labeled folder by their nearest neighbors among the other instances.",
    ),
    "evaluate distances": (
        "trainer.cli:distances",
        "Mean D(A, A'), D(A, B') and D(A, C) on pairs of held-out videos, of the network trained and untrained.",
    ),
    "evaluate context": (
        "trainer.cli:context",
        "How often the network predicts the position of one patch relative to another; chance is one in eight.",
    ),
}
"""Each command with its function and its sentence in the help. Without a function it is a group of commands."""

WITHOUT_HELP = ("graph admin",)
"""Commands that pass `--help` on."""
RESUMED = ("ingest", "cluster", "train", "demo", "forget", "export", "graph start", "graph prune")
"""Commands that keep finished work and continue when they run again."""

app = command_app("affinity", "Unlabeled video to a visual representation, through an affinity graph in Neo4j.")
for _place, (_words, (_function, _help)) in enumerate(COMMANDS.items()):
    _group, _, _name = _words.rpartition(" ")
    _parent = app[_group] if _group else app
    if _function:
        _help_flags = () if _words in WITHOUT_HELP else app.help_flags
        _parent.command(_function, name=_name, help=_help, sort_key=_place, help_flags=_help_flags)
    else:
        _parent.command(command_app(_name, _help, sort_key=_place))


def main() -> None:
    """Run the command. Known errors are printed as a sentence; any other error is a bug and keeps its traceback."""
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        sys.exit(app() or 0)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except CycloptsError as error:
        print_error(usage_message(error))
        sys.exit(2)
    except Exception as error:
        if (status := interrupted(error)) is not None:
            sys.exit(status)
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            # The reader of stdout, such as `head`, has ended. Nothing is left to flush at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        message = error_message(error)
        if message is None:
            raise
        print_error(message)
        sys.exit(1)


def error_message(error: Exception) -> str | None:
    """The sentence for the user; None if the error may be a bug."""
    from affinity.error_messages import sentence

    return str(error) if is_ours(error) else sentence(error)


def is_ours(error: Exception) -> bool:
    """Whether the message of the error is a sentence for the user. The client's errors have a root of their own."""
    from api.wire.errors import ClientError

    return isinstance(error, AffinityError | ClientError)


def print_error(message: str) -> None:
    """Print on stderr, in red on a terminal."""
    from rich.console import Console

    Console(stderr=True, soft_wrap=True).print(f"affinity: {message}", style="red", markup=False, highlight=False)


def interrupt(signum: int, frame: FrameType | None) -> None:
    """End the command on Ctrl-C or SIGTERM, with every `finally` on the way out. A second signal ends it at once."""
    if in_finalizer(frame):
        # Python prints and drops an exception that is raised there, and the command would go on: try again soon.
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
    """Whether the program is in the finalizer of an object."""
    while frame:
        if frame.f_code.co_name == "__del__":
            return True
        frame = frame.f_back
    return False


def interrupted(error: BaseException | None) -> int | None:
    """The exit status of the signal that was ending the command when this error was raised; None without a signal."""
    while error := error and error.__context__:
        if isinstance(error, KeyboardInterrupt):
            return 128 + signal.SIGINT
        if isinstance(error, SystemExit) and isinstance(error.code, int):
            return error.code
    return None


def farewell(command: str) -> str:
    """What a signal means for the command that begins with these words."""
    if command.startswith("serve"):
        return "stopped."  # The normal end of a service.
    if command.startswith(RESUMED):
        return "interrupted. What is done is kept; the same command goes on from there."
    return "interrupted."


if __name__ == "__main__":
    main()
