"""Writes the reproduction page: `python -m experiments.reproduction [--output docs/reproduction.md]`.

Figure 3 of Ritter et al. 2018, from the CSVs of the grids `barcode_bandit` and `omniglot_bandit`.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from episodic.errors import InputError
from experiments.command import OneLineParser, in_one_line
from experiments.paper import EXPERIMENTS
from experiments.record import write_whole
from experiments.reproduction_figure import reproduction_figure
from experiments.reproduction_page import page_text
from experiments.reproduction_regrets import Regrets, read_all_regrets
from experiments.reproduction_rewards import Rewards, read_rewards

OUTPUT = Path("docs/reproduction.md")


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the page and its picture; returns the exit status: 0, or 2 where results are missing or wrong.

    With `--optional` it is 0 then too, and the page stays as it was.
    """
    return in_one_line(lambda: _run(_parser().parse_args(arguments)))


def _run(options: argparse.Namespace) -> int:
    try:
        picture = write_page(options.results, options.output)
    except InputError as error:
        if not options.optional:
            raise
        print(f"not written: {error}", file=sys.stderr)
        return 0
    print(f"{options.output}; picture {picture}")
    return 0


def _parser() -> OneLineParser:
    parser = OneLineParser(prog="python -m experiments.reproduction", description="Write the reproduction page.")
    parser.add_argument(
        "--results", type=Path, default=Path("results"), help="folder of the CSVs (default %(default)s)"
    )
    parser.add_argument("--output", type=Path, default=OUTPUT, help="file to write (default %(default)s)")
    parser.add_argument("--optional", action="store_true", help="no error where results are missing")
    return parser


def read_all(results: Path) -> tuple[dict[str, Rewards], Regrets]:
    """All that the page shows: rewards by grid, and regrets.

    Raises:
        InputError: results are missing or wrong.
    """
    return {experiment.grid: read_rewards(experiment, results) for experiment in EXPERIMENTS}, read_all_regrets(results)


def write_page(results: Path, output: Path) -> Path:
    """Write the picture, then the text that shows it; returns the picture's path.

    Raises:
        InputError: results are missing or wrong.
    """
    rewards, regrets = read_all(results)
    picture = output.with_suffix(".png")
    output.parent.mkdir(parents=True, exist_ok=True)
    reproduction_figure(rewards, regrets).savefig(picture, dpi=130, metadata={"Software": None})
    write_whole(output, page_text(rewards, regrets, results, output))
    return picture


if __name__ == "__main__":
    sys.exit(main())
