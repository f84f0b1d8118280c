"""Progress of jobs: one bar on a terminal, a line for each job elsewhere."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

DAY = 86400.0


class Display:
    """Shows progress on standard error; a context.

    Args:
        total: number of jobs.
    """

    def __init__(self, total: int) -> None:
        self.console = Console(stderr=True, highlight=False)
        columns = (BarColumn(bar_width=20), MofNCompleteColumn(), TextColumn("{task.fields[left]}, {task.description}"))
        self._bar = Progress(
            *columns, console=self.console, disable=not self.console.is_terminal, speed_estimate_period=DAY
        )
        self._bar.add_task("", total=total, left="")
        (self._task,) = self._bar.tasks

    def __enter__(self) -> "Display":
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def ended(self, text: str, failed: bool = False, notes: tuple[str, ...] = ()) -> None:
        """Count a job; with what became of it, and what else the user should know."""
        self._bar.advance(self._task.id)
        seconds = self._task.time_remaining
        left = f"{duration(seconds)} left" if seconds is not None and not self._task.finished else ""
        self._bar.update(self._task.id, left=left, description=text)
        for note in notes:
            self._print(note)
        if failed or not self.console.is_terminal:
            done = f"[{self._task.completed:.0f}/{self._task.total:.0f}] "
            self._print(f"{done}{text}{left and f', {left}'}")

    def _print(self, line: str) -> None:
        self.console.print("".join(filter(str.isprintable, line)), markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """Return `45 s`, `12 min` or `3.4 h`.

    >>> duration(3600 * 3.4)
    '3.4 h'
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
