"""The cases of a seed, one after the other."""

from collections.abc import Iterator
from pathlib import Path

from cli import main
from episodic.drawings.handwriting.archives import generate_omniglot
from tests.conftest import BACKGROUND, EVALUATION
from tests.fuzz.capture import captured
from tests.fuzz.cases import Case, Cases
from tests.fuzz.sandbox import Outcome, check
from tests.tiny import tiny_bandit


def prepare(folder: Path, seed: int, drawings: Path | None = None) -> Cases:
    """Write the files that the cases need, and train a small agent."""
    if drawings is None:
        drawings = folder / "drawings"
        generate_omniglot(drawings, BACKGROUND, EVALUATION)
    with captured():
        assert main(["fit", *tiny_bandit(folder / "trained", epochs=1)]) == 0
    checkpoint = folder / "trained" / "barcode_bandit" / "version_0" / "checkpoints" / "last.ckpt"
    return Cases(seed, folder / "files", drawings, checkpoint)


def try_cases(cases: Cases, count: int, folder: Path, only: int | None = None) -> Iterator[tuple[int, Case, Outcome]]:
    """Run the first `count` cases of a stream, or the one that is asked for."""
    for number in range(count if only is None else only + 1):
        case = cases.draw()
        if only in (None, number):
            yield number, case, check(case, folder / "case", folder)
