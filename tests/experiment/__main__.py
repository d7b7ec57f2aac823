"""`make experiment`: the whole method on a labeled world, row beside row. Interrupted, it goes on where it was."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from tests.experiment.jobs import Jobs, Result
from tests.experiment.measure import HeldOut
from tests.experiment.plan import CANDIDATES, ROWS, Scale
from tests.experiment.report import graph_results, results, write_results
from tests.experiment.stages import Setup, choice, comparison, preparation
from tests.experiment.tables import graphs_table, tables
from tests.experiment.world import BACKGROUNDS, groups
from trainer.weights import load_trunk

SHOWN = ("context", "tracking", "transitive")
"""Rows whose neighbors are drawn."""
ROW_TITLES = {row.name: row.title for row in ROWS}


def main() -> None:
    options = parse_options()
    scale = replace(Scale(), seeds=options.seeds)
    setup = Setup(options.out.absolute(), options.part, scale)
    rows = tuple(row for row in ROWS if not options.rows or row.name in options.rows.split(","))
    done = Jobs(setup.root / "jobs", list(preparation(setup))).run(1)
    with setup.affinity.service() as affinity:
        jobs = choice(setup, affinity) if setup.part == "choose" else comparison(setup, affinity, rows)
        done |= Jobs(setup.root / "jobs", list(jobs)).run(setup.workers)
    (setup.root / "report").mkdir(exist_ok=True)
    if setup.part == "choose":
        print(graphs_table({"graphs": graph_results(setup, CANDIDATES, done)}))
    else:
        show_children(setup, done)
        report(setup, done)
    setup.affinity.run("stop", "graph", "stop")


def report(setup: Setup, done: Mapping[str, Result]) -> None:
    """The results, their tables, plots and sheets, all in `report/`."""
    from tests.experiment.plots import draw_purity, draw_rows
    from tests.experiment.sheets import draw_neighbors

    folder = setup.root / "report"
    found = results(setup, done)
    write_results(folder / "results.json", found)
    text = "\n\n".join(tables(found).values())
    (folder / "tables.md").write_text(text + "\n")
    draw_rows(found, folder / "rows.svg")
    draw_purity(found, folder / "purity.svg")
    shown = [(ROW_TITLES[name], load_trunk(setup.trunk(name, 0))[0]) for name in SHOWN if name in found["rows"]]
    held_out = HeldOut.read(setup.world.held_out(BACKGROUNDS[0]), groups(), setup.scale.side)
    draw_neighbors(shown, held_out, folder / "neighbors.jpg")
    print(f"{text}\n\n{folder}")


def show_children(setup: Setup, done: Mapping[str, Result]) -> None:
    """Child clusters of the first seed's graphs."""
    folder = setup.root / "report"
    for graph in ("default", "literal"):
        if found := done.get(f"graph-{graph}-0"):
            out = str(folder / f"children-{graph}.jpg")
            setup.affinity.run(f"show-{graph}", "show", "children", "--snapshot", found["snapshot"], "--out", out)


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path(".experiment"), help="folder of all of it")
    parser.add_argument("--part", choices=["choose", "report"], default="report", help="objects to work on")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of mining and training (default %(default)s)")
    parser.add_argument("--rows", default="", help="rows by name, with commas between; all where none is named")
    return parser.parse_args()


if __name__ == "__main__":
    main()
