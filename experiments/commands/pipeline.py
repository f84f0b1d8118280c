"""`make pipeline`: all stages on the Omniglot bandit, from drawings to agents, and a figure that compares them.

Run again, it goes on where it was, and only draws where everything is done. Without Omniglot and the network it says
so, and takes generated characters.
"""

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from episodic.drawings.omniglot.root import find_omniglot
from episodic.errors import InputError, require
from episodic.plots.style import new_figure
from experiments.command import OneLineParser, in_one_line, resumable
from experiments.grid import Grid, parse_grid
from experiments.results import Row, read_rows
from experiments.run import run_grid
from experiments.unique_keys import read_yaml

GRID = Path("experiments/pipeline.yaml")
ROOT = Path("runs/pipeline")
ENCODER, SHIPPED = "encoder of drawings", "omniglot_encoder"
REWARD, RECALL = "test/reward", "test/recall_accuracy"
#: Mean episode reward of the paper's task.
LEVELS = {"ideal observer": 8.43, "chance": 1.8}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the pipeline; returns the exit status: 0, 1 where a stage failed, 2 for bad input, 130 after Ctrl-C."""
    return resumable(lambda: _run(_parser().parse_args(arguments)))


def _parser() -> OneLineParser:
    parser = OneLineParser(
        prog="python -m experiments.commands.pipeline", description="All stages on the Omniglot bandit."
    )
    parser.add_argument("--shipped", action="store_true", help="start from the shipped encoder of drawings")
    parser.add_argument("--generated", action="store_true", help="generated characters instead of Omniglot's")
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of its runs (default %(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (default %(default)s)")
    return parser


def _run(options: argparse.Namespace) -> int:
    require(GRID.is_file(), f"grid {GRID} does not exist: run this in the project's folder")
    generated = options.generated or not _omniglot_is_there()
    grid = pipeline_grid(read_yaml(GRID.read_text(encoding="utf-8")), options.shipped, generated)
    status = run_grid(grid, options.root, options.root, options.workers)
    reported = in_one_line(lambda: _report(grid, options.root, generated))
    return status or reported


def _report(grid: Grid, root: Path, generated: bool) -> int:
    report(read_rows(root / f"{grid.name}.csv"), root / f"{grid.name}.png", generated)
    print(f"curves of all stages: .venv/bin/tensorboard --logdir {root / grid.name}")
    return 0


def _omniglot_is_there() -> bool:
    """Whether Omniglot is found, or can be downloaded; says so where it is not."""
    try:
        find_omniglot(None)
    except InputError as error:
        print(f"{error}\ngoing on with generated characters: what follows says nothing of Omniglot's", file=sys.stderr)
        return False
    return True


def pipeline_grid(said: dict[str, Any], shipped: bool, generated: bool) -> Grid:
    """The grid of the pipeline.

    Args:
        said: what its file says.
        shipped: leave out the first stage, and take the shipped encoder of drawings.
        generated: generated characters in Omniglot's place.
    """
    conditions: dict[str, dict[str, Any]] = {name: dict(section) for name, section in said["conditions"].items()}
    if shipped:
        del conditions[ENCODER]
        conditions = {name: _replaced(section, f"@{ENCODER}", SHIPPED) for name, section in conditions.items()}
    if generated:
        for section in conditions.values():
            section |= _of_generated(str(section.get("config", said["config"])))
    name = "_".join(["pipeline", *["shipped"] * shipped, *["generated"] * generated])
    return parse_grid({**said, "conditions": conditions}, name)


def _replaced(section: Mapping[str, Any], old: str, new: str) -> dict[str, Any]:
    return {key: new if value == old else value for key, value in section.items()}


def _of_generated(config: str) -> dict[str, Any]:
    """What a stage overrides to work on generated characters."""
    shows_drawings = Path(config).stem.startswith(("omniglot_encoder", "omniglot_bandit"))
    return {"data.drawings": "GeneratedDrawings"} if shows_drawings else {}


def report(rows: Sequence[Row], path: Path, generated: bool) -> None:
    """Print the agents' rewards, and draw them."""
    agents = [row for row in rows if REWARD in row.metrics and not math.isnan(row.metrics[REWARD])]
    require(bool(agents), "no agent has been tested: see the messages above")
    characters = "generated characters" if generated else "characters that no stage has seen"
    title = f"Omniglot bandit, {characters}: what the memory is searched by"
    table = Table(title=title)
    for name in ("searched by", "reward", "right recalls"):
        table.add_column(name, justify="left" if name == "searched by" else "right")
    for row in agents:
        recall = row.metrics.get(RECALL, math.nan)
        told = "-" if math.isnan(recall) else f"{recall:.1%}"
        table.add_row(row.condition, f"{row.metrics[REWARD]:.2f}", told)
    Console().print(table)
    comparison(agents, title).savefig(path, dpi=130)
    print(f"figure: {path}")


def comparison(agents: Sequence[Row], title: str) -> Figure:
    """Rewards by what the memory is searched by, overall and by exposure."""
    figure = new_figure(11, 4.4, columns=2)
    bars, lines = figure.axes
    names = [row.condition for row in agents]
    bars.barh(names, [row.metrics[REWARD] for row in agents], color=[f"C{number}" for number in range(len(agents))])
    bars.invert_yaxis()
    for place, row in enumerate(agents):
        told = f"{row.metrics[REWARD]:.2f}"
        bars.text(row.metrics[REWARD] - 0.1, place, told, va="center", ha="right", fontsize=9, color="white")
        found = sorted((name, value) for name, value in row.metrics.items() if name.startswith(f"{REWARD}_exposure_"))
        lines.plot(range(1, len(found) + 1), [value for _, value in found], "o-", markersize=3, label=row.condition)
    for (name, level), style in zip(LEVELS.items(), ("--", ":"), strict=True):
        bars.axvline(level, color="0.4", linestyle=style, lw=1, label=f"{name} ({level:.2f})")
    bars.set_xlabel("mean episode reward")
    bars.set_xlim(0, 9.4)
    bars.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2, frameon=False)
    lines.set_xlabel("exposure")
    lines.set_ylabel("episode reward")
    lines.set_ylim(0, 9.3)  # the best arm pays 9 on average
    lines.legend(fontsize=7, loc="lower right")
    figure.suptitle(title, fontsize=10)
    return figure


if __name__ == "__main__":
    sys.exit(main())
