"""Jobs done, jobs under way and time left: one bar on a terminal, a line a job where there is none."""

from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from experiments.job import Job
from experiments.schedule import duration
from experiments.worker import Outcome


class Display:
    """The runner's one progress display, on standard error.

    Args:
        total: jobs to be done.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done, self.note = total, 0, ""
        self.console = Console(stderr=True, highlight=False)
        self._bar = Progress(
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[left]}"),
            TextColumn("{task.fields[running]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
            console=self.console,
            disable=not self.console.is_terminal,
            expand=True,
        )
        self._task = self._bar.add_task("", total=total, left="", running="")

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def update(self, running: Iterable[Job], left: float | None) -> None:
        """Show what is under way, and the time left where it is known; with it the note, if there is one."""
        titles = escape("; ".join(job.title for job in running))
        told = ["" if left is None else f"{duration(left)} left", escape(self.note)]
        self._bar.update(self._task, completed=self.done, running=titles, left=", ".join(filter(None, told)))

    def ended(self, job: Job, outcome: Outcome, left: float | None) -> None:
        """Count a job that has ended; one that failed is told with its reason."""
        self.done += 1
        if outcome.status:
            self._say(f"failed: {job.title}: {outcome.message}")
        elif not self.console.is_terminal:
            told = "" if left is None else f", {duration(left)} left"
            self._say(f"[{self.done}/{self.total}] {job.title}: {duration(outcome.seconds)}{told}")

    def waits_for(self, job: Job, outcome: Outcome) -> None:
        """Tell of a job that another process is at."""
        self._say(f"waiting: {job.title}: {outcome.message}")

    def cancelled(self, jobs: int) -> None:
        """Count jobs that cannot be done since their training failed."""
        self.done += jobs

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False, soft_wrap=True)
