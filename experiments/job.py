"""A job: one command line, in a run folder named after a hash of what decides how it turns out."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from experiments.references import HARVEST
from launcher.runs.run_folder import RunFolder

#: What the test of a bandit agent leaves beside its `metrics.json`.
REGRET_FILE = "regret_by_pull.csv"


@dataclass(frozen=True)
class Job:
    """One command.

    Args:
        title: what it is called in messages.
        run: where it writes.
        identity: all that decides how it turns out, apart from the sources; kept beside the run.
        arguments: the command line.
        training: the training whose best checkpoint it tests or predicts with; None: it is a training itself.
        referred: further jobs whose files its command line names.
        also: names of files that it has to leave in its folder beside its product.
    """

    title: str
    run: RunFolder
    identity: dict[str, Any]
    arguments: tuple[str, ...]
    training: "Job | None" = None
    referred: "tuple[Job, ...]" = ()
    also: tuple[str, ...] = ()

    @property
    def needs(self) -> "tuple[Job, ...]":
        """The jobs that have to be done before."""
        return self.referred if self.training is None else (self.training, *self.referred)

    @property
    def product(self) -> Path:
        """The file that is there once the job is done."""
        if self.training is None:
            return self.run.best
        return self.run.path / ("metrics.json" if self.arguments[0] == "test" else HARVEST)

    @property
    def missing(self) -> Path | None:
        """The first file that is not there of those that the job leaves; None where all are."""
        files = (self.product, *(self.run.path / name for name in self.also))
        return next((path for path in files if not path.is_file()), None)


class Cell(NamedTuple):
    """One row of the results, and the job that it comes from."""

    condition: str
    evaluation: str
    seed: int
    test: Job


def digest(identity: dict[str, Any]) -> str:
    """Eight digits that change when anything about a job does."""
    return hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:8]
