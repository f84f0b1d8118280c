"""Progress of long work on standard error: a bar on a terminal, a line from time to time elsewhere."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

T = TypeVar("T")


class Meter:
    """Shows the progress of a piece of work. Short work shows nothing.

    Bars need rich, which the extra `drawings` brings; without it there are lines on a terminal, too.

    Args:
        doing: what is done, such as `embedding`.
        total: number of units; 0 if unknown.
        unit: what is counted, such as `drawings`.
        done: units that were done before.
        patience: seconds before the first line.
        pause: seconds between two lines.
    """

    def __init__(
        self, doing: str, total: int, unit: str, *, done: int = 0, patience: float = 2.0, pause: float = 10.0
    ) -> None:
        self.doing, self.total, self.unit, self.pause = doing, total, unit, pause
        self.before = self.done = done
        self._terminal = _is_terminal()
        self._begun = time.monotonic()
        self._due = self._begun + (0.5 if self._terminal else patience)
        self._bar: Progress | None = None
        self._lines = 0

    def update(self, done: int, note: Callable[[], str] = str) -> None:
        """Show that so many units are done, unless that was shown a moment ago; `note` gives more to show."""
        self.done = done
        now = time.monotonic()
        if now < self._due:
            return
        if self._terminal:
            self._due = now + 0.25
            self._draw(note())
        else:
            self._due = now + self.pause
            self._print(note())

    def close(self) -> None:
        """Show the end: of a bar, or of lines if there were any."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self.done, refresh=True)
            self._bar.stop()
            self._bar = None
        elif self._lines:
            self._print("")
        self._lines = 0

    def _print(self, note: str) -> None:
        elapsed = time.monotonic() - self._begun
        left = elapsed / max(self.done - self.before, 1) * max(self.total - self.done, 0)
        count = f"{self.done:,}/{self.total:,}" if self.total else f"{self.done:,}"
        parts = [f"{self.doing}: {count} {self.unit}", note, f"{elapsed:.0f} s elapsed"]
        if self.total > self.done:
            parts[-1] += f", {left:.0f} s left"
        print("  ".join(part for part in parts if part), file=sys.stderr, flush=True)
        self._lines += 1

    def _draw(self, note: str) -> None:
        if self._bar is None:
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=12),
                MofNCompleteColumn(),
                TextColumn("{task.fields[unit]}"),
                TimeRemainingColumn(compact=True, elapsed_when_finished=True),
                TextColumn("{task.fields[note]}"),
                console=terminal(),
                refresh_per_second=4,
            )
            self._bar.start()
            self._bar.add_task(self.doing, total=self.total or None, unit=self.unit, note="")
        self._bar.update(self._bar.task_ids[0], completed=self.done, note=note)


def track(items: Iterable[T], doing: str, total: int, unit: str, each: int = 1) -> Iterator[T]:
    """Yield the items, and show how far the work is; in a distributed run only the first process does.

    Args:
        items: to work through.
        doing: what is done with them.
        total: number of units, to show.
        unit: what is counted.
        each: units in an item.

    >>> list(track([1, 2], "counting", total=2, unit="numbers"))
    [1, 2]
    """
    if os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) != "0":
        yield from items
        return
    meter = Meter(doing, total, unit)
    try:
        for number, item in enumerate(items):
            meter.update(min(number * each, total))
            yield item
        meter.done = total
    finally:
        meter.close()


def _is_terminal() -> bool:
    try:
        return terminal().is_terminal
    except ImportError:
        return False


@lru_cache(maxsize=1)
def terminal() -> "Console":
    """The console of all bars: bars on one console may be shown at the same time."""
    from rich.console import Console

    return Console(stderr=True)
