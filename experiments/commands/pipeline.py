"""`make pipeline`: all stages on the Omniglot bandit, from drawings to agents, and a plot that compares them.

Run again, it continues; if everything is done, it only draws. Without Omniglot and the network it says
so, and takes generated characters.
"""

import argparse
import sys
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from episodic.drawings.omniglot.root import find_omniglot
from episodic.errors import InputError, require
from episodic.plots.style import CYCLE, DASHES, MARKERS, new_figure
from experiments.commands import OneLineParser, one_line, resumable
from experiments.engine.cluster import add_cluster_options, cluster_options
from experiments.planning.grid import Grid
from experiments.planning.grid_reader import parse_grid
from experiments.planning.yaml_files import read_yaml
from experiments.report.pages import GRIDS, save_plot
from experiments.run import run_grid
from experiments.tables.files import csv_path, read_table

GRID, ROOT = GRIDS / "pipeline.yaml", Path("runs/pipeline")
ENCODER, SHIPPED = "encoder of drawings", "omniglot_encoder"
REWARD, RECALL = "test/reward", "test/recall_accuracy"
#: Mean episode reward of the paper's task.
LEVELS = {"ideal player": (8.43, "--"), "chance": (1.8, ":")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline; returns the exit status: 0, 1 if a stage failed, 2 for invalid input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m experiments.commands.pipeline", description="Run all stages on the Omniglot bandit."
    )
    parser.add_argument("--shipped", action="store_true", help="start from the shipped encoder of drawings")
    parser.add_argument("--generated", action="store_true", help="generated characters instead of Omniglot's")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of its runs (default %(default)s)")
    add_cluster_options(parser)
    return parser


def _run(options: argparse.Namespace) -> int:
    require(GRID.is_file(), f"grid {GRID} does not exist: run this in the project's folder")
    generated = options.generated or not _omniglot_is_there()
    grid = pipeline_grid(read_yaml(GRID), options.shipped, generated)
    status = run_grid(grid, options.root, options.root, cluster_options(options))
    return status or one_line(lambda: _report(grid, options.root, generated))


def _report(grid: Grid, root: Path, generated: bool) -> int:
    report(read_table(csv_path(root, grid.name), ("condition",)), root / f"{grid.name}.png", generated)
    print(f"curves of all stages: .venv/bin/tensorboard --logdir {root}")
    return 0


def _omniglot_is_there() -> bool:
    """Return whether Omniglot exists or can be downloaded; print a line if not."""
    try:
        find_omniglot(None)
    except InputError as error:
        print(f"{error}\ncontinuing with generated characters: the results say nothing about Omniglot", file=sys.stderr)
        return False
    return True


def pipeline_grid(content: dict[str, Any], shipped: bool, generated: bool) -> Grid:
    """Return the grid of the pipeline.

    Args:
        content: of its file.
        shipped: leave out the first stage, and take the shipped encoder of drawings.
        generated: generated characters in Omniglot's place.
    """
    content = deepcopy(content)
    (axis,) = content["axes"].values()
    if shipped:
        del content["stages"][ENCODER], axis[ENCODER]
    for part in [*content["stages"].values(), *axis.values()]:
        options = dict(part.get("options") or {})
        if shipped:
            options = {name: SHIPPED if value == f"@{ENCODER}" else value for name, value in options.items()}
        config = Path(str(part.get("config") or content["config"])).stem
        trained = "of" not in part and "stage" not in part
        if generated and trained and config.startswith(("omniglot_encoder", "omniglot_bandit")):
            options["data.drawings"] = "GeneratedDrawings"
        if options:
            part["options"] = options
    return parse_grid(content, "_".join(["pipeline", *["shipped"] * shipped, *["generated"] * generated]))


def report(frame: pd.DataFrame, path: Path, generated: bool) -> None:
    """Print the agents' rewards, and draw them."""
    agents = frame.dropna(subset=[REWARD]) if REWARD in frame else frame[:0]
    require(len(agents) > 0, "no agent has been tested: see the messages above")
    characters = "generated characters" if generated else "characters that no stage has seen"
    title = f"Omniglot bandit, {characters}: what the memory is searched by"
    table = Table(title=title)
    for name in ("searched by", "reward", "right recalls"):
        table.add_column(name, justify="left" if name == "searched by" else "right")
    for _, row in agents.iterrows():
        recall = row.get(RECALL)
        table.add_row(row["condition"], f"{row[REWARD]:.2f}", "-" if pd.isna(recall) else f"{recall:.1%}")
    Console().print(table)
    save_plot(comparison(agents, title), path)
    print(f"plot: {path}")


def comparison(agents: pd.DataFrame, title: str) -> Figure:
    """Draw rewards by what the memory is searched by, overall and by exposure."""
    figure = new_figure(11, 4.6, columns=2)
    points, lines = figure.axes
    exposures = sorted(name for name in map(str, agents.columns) if name.startswith(f"{REWARD}_exposure_"))
    for place, (_, row) in enumerate(agents.iterrows()):
        style: dict[str, Any] = {"color": CYCLE[place % len(CYCLE)], "marker": MARKERS[place % len(MARKERS)]}
        points.plot(row[REWARD], place, ls="none", markersize=7, **style)
        points.hlines(place, LEVELS["chance"][0], row[REWARD], color=style["color"], lw=1)
        values = row.reindex(exposures).dropna()
        dashes = DASHES[place % len(DASHES)]
        lines.plot(range(1, len(values) + 1), values, ls=dashes, markersize=4, label=row["condition"], **style)
    points.set_yticks(range(len(agents)), list(agents["condition"]))
    points.invert_yaxis()
    for name, (level, dashes) in LEVELS.items():
        points.axvline(level, color="0.4", linestyle=dashes, lw=1, label=f"{name} ({level:.2f})")
    points.set_xlabel("mean reward per episode")
    below: dict[str, Any] = {"fontsize": 8, "loc": "upper center", "bbox_to_anchor": (0.5, -0.15), "frameon": False}
    points.legend(ncols=2, **below)
    lines.set_xlabel("exposure")
    lines.set_ylabel("reward per episode")
    lines.legend(ncols=3, **below)
    figure.suptitle(f"{title} (one seed)", fontsize=10)
    return figure


if __name__ == "__main__":
    sys.exit(main())
