"""`make experiment`: the whole method on a labeled world, row beside row. Interrupted, it goes on where it was."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path

from experiments.commands import CommandFailed
from experiments.jobs import Jobs, Result
from experiments.measure import HeldOut
from experiments.plan import CANDIDATES, GRAPHS, Scale
from experiments.report.results import graph_results, results, write_results
from experiments.report.tables import graphs_table, tables
from experiments.stages import Setup, choice, comparison, preparation
from experiments.world import BACKGROUNDS, groups
from tests.conftest import SETTINGS
from trainer.models.weights import load_trunk

SHOWN = ("context", "tracking", "transitive")
"""Rows whose neighbors are drawn."""


def main() -> None:
    options = parse_options()
    for name in SETTINGS:
        # Ours is the Neo4j of the data folder, whatever the shell says.
        os.environ.pop(name, None)
    setup = Setup(options.out.absolute() / options.part, options.part, replace(Scale(), seeds=options.seeds))
    keep_plan(setup)
    try:
        with setup.affinity.graph():
            run(setup)
    except CommandFailed as error:
        raise SystemExit(f"{error}\nWhat was done is kept; the same line goes on.") from error
    except KeyboardInterrupt:
        # Not before the objects and the trainings that were begun have ended, which takes about half a minute.
        print("\nStopped. What was done is kept; the same line goes on.")
        raise SystemExit(130) from None


def keep_plan(setup: Setup) -> None:
    """What a folder was begun with is what it goes on with, as results are taken as they lie there."""
    plan = json.loads(json.dumps([asdict(setup.scale), [asdict(one) for one in (*CANDIDATES, *GRAPHS)]]))
    file = setup.root / "plan.json"
    setup.root.mkdir(parents=True, exist_ok=True)
    if file.exists() and json.loads(file.read_text()) != plan:
        raise SystemExit(f"{setup.root} was begun with other settings: name another folder with --out, or delete it.")
    file.write_text(json.dumps(plan, indent=1))


def run(setup: Setup) -> None:
    folder = setup.root / "report"
    folder.mkdir(exist_ok=True)
    done = Jobs(setup.root / "jobs", list(preparation(setup))).run(1)
    with setup.affinity.service() as affinity:
        jobs = choice(setup, affinity) if setup.part == "choose" else comparison(setup, affinity)
        done |= Jobs(setup.root / "jobs", list(jobs)).run(setup.workers)
    if setup.part == "choose":
        found = {"date": date.today().isoformat(), "graphs": graph_results(setup, CANDIDATES, done)}
        write_results(folder / "choose.json", found)
        print(graphs_table(found))
    else:
        show_children(setup, done)
        report(setup, done)


def report(setup: Setup, done: Mapping[str, Result]) -> None:
    """The results, their tables, plots and sheets, all in `report/`."""
    from experiments.report.plots import draw_purity, draw_rows
    from experiments.report.sheets import draw_neighbors

    folder = setup.root / "report"
    found = results(setup, done)
    write_results(folder / "results.json", found)
    text = "\n\n".join(tables(found).values())
    (folder / "tables.md").write_text(text + "\n")
    draw_rows(found, folder / "rows.svg")
    draw_purity(found, folder / "purity.svg")
    shown = [(found["rows"][name]["title"], load_trunk(setup.trunk(name, 0))[0]) for name in SHOWN]
    held_out = HeldOut.read(setup.world.held_out(BACKGROUNDS[0]), groups(), setup.scale.side)
    draw_neighbors(shown, held_out, folder / "neighbors.jpg")
    print(f"{text}\n\n{folder}")


def show_children(setup: Setup, done: Mapping[str, Result]) -> None:
    """Child clusters of the first seed's graphs."""
    folder = setup.root / "report"
    for graph in ("default", "literal"):
        id, out = done[f"graph-{graph}-0"]["snapshot"], str(folder / f"children-{graph}.jpg")
        setup.affinity.run(f"show-{graph}", "show", "children", "--snapshot", id, "--count", "12", "--out", out)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(".experiment"), help="folder of all of it")
    parser.add_argument("--part", choices=["choose", "report"], default="report", help="objects to work on")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of mining and training (default %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
