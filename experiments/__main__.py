"""Run `make experiment`: compare the rows of the method on a labeled world. An interrupted run can be resumed."""

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

DRAWN_ROWS = ("context", "tracking", "transitive")
"""Rows whose nearest neighbors are drawn."""


def main() -> None:
    options = parse_options()
    for name in SETTINGS:
        # Use the Neo4j of the data folder, even if the shell names another one.
        os.environ.pop(name, None)
    setup = Setup(options.out.absolute() / options.part, options.part, replace(Scale(), seeds=options.seeds))
    check_plan(setup)
    try:
        with setup.affinity.stopping_neo4j():
            run(setup)
    except CommandFailed as error:
        raise SystemExit(f"{error}\nFinished jobs are kept; run the same command again to continue.") from error
    except KeyboardInterrupt:
        # This point is reached after the running jobs have ended, which takes about half a minute.
        print("\nStopped. Finished jobs are kept; run the same command again to continue.")
        raise SystemExit(130) from None


def check_plan(setup: Setup) -> None:
    """Write the plan of a new folder; exit if a folder holds results of another plan."""
    plan = json.loads(json.dumps([asdict(setup.scale), [asdict(graph) for graph in (*CANDIDATES, *GRAPHS)]]))
    file = setup.root / "plan.json"
    setup.root.mkdir(parents=True, exist_ok=True)
    if file.exists() and json.loads(file.read_text()) != plan:
        raise SystemExit(
            f"{setup.root} holds results of other settings. Choose another folder with --out, or delete this one."
        )
    file.write_text(json.dumps(plan, indent=1))


def run(setup: Setup) -> None:
    folder = setup.root / "report"
    folder.mkdir(exist_ok=True)
    finished = Jobs(setup.root / "jobs", list(preparation(setup))).run(1)
    with setup.affinity.service() as affinity:
        jobs = choice(setup, affinity) if setup.part == "choose" else comparison(setup, affinity)
        finished |= Jobs(setup.root / "jobs", list(jobs)).run(setup.workers)
    if setup.part == "choose":
        summary = {"date": date.today().isoformat(), "graphs": graph_results(setup, CANDIDATES, finished)}
        write_results(folder / "choose.json", summary)
        print(graphs_table(summary))
    else:
        show_children(setup, finished)
        report(setup, finished)


def report(setup: Setup, finished: Mapping[str, Result]) -> None:
    """Write the results, tables, plots and contact sheets into `report/`."""
    from experiments.report.plots import draw_purity, draw_rows
    from experiments.report.sheets import draw_neighbors

    folder = setup.root / "report"
    summary = results(setup, finished)
    write_results(folder / "results.json", summary)
    text = "\n\n".join(tables(summary).values())
    (folder / "tables.md").write_text(text + "\n")
    draw_rows(summary, folder / "rows.svg")
    draw_purity(summary, folder / "purity.svg")
    drawn = [(summary["rows"][name]["title"], load_trunk(setup.trunk(name, 0))[0]) for name in DRAWN_ROWS]
    held_out = HeldOut.read(setup.world.held_out(BACKGROUNDS[0]), groups(), setup.scale.side)
    draw_neighbors(drawn, held_out, folder / "neighbors.jpg")
    print(f"{text}\n\n{folder}")


def show_children(setup: Setup, finished: Mapping[str, Result]) -> None:
    """Draw child clusters of the graphs of the first seed."""
    folder = setup.root / "report"
    for graph in ("default", "literal"):
        id, out = finished[f"graph-{graph}-0"]["snapshot"], str(folder / f"children-{graph}.jpg")
        setup.affinity.run(f"show-{graph}", "show", "children", "--snapshot", id, "--count", "12", "--out", out)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(".experiment"), help="folder for all files of the experiment")
    parser.add_argument(
        "--part",
        choices=["choose", "report"],
        default="report",
        help="part of the objects: choose settings on one, report on the other",
    )
    parser.add_argument(
        "--seeds", type=int, default=3, help="number of seeds for mining and training (default %(default)s)"
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
