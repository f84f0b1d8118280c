"""What each step of an episode does about the memory."""

from enum import Enum
from functools import cached_property, lru_cache
from itertools import accumulate

import torch
from torch import Tensor

from episodic.tasks.task import Schedule


class Read(Enum):
    """What a step does about the memory before it acts."""

    SEARCH = 0  # read it
    KEEP = 1  # go on with what was recalled last
    NOTHING = 2  # reinstate nothing


class MemoryPlan:
    """The reads and writes of an episode of T steps, as far as they are known before it begins.

    Args:
        schedule: the steps with reads and writes.
        fixed: whether the query is the same at all steps.
        once: whether only the first read is a search.
        stored: the steps whose keys are written when the episode ends, unless the schedule writes within it.
        recurrent: whether a query needs those of all steps before.

    >>> plan = MemoryPlan(Schedule.whole_episode(3), fixed=True, once=False, stored=range(2, 3), recurrent=False)
    >>> plan.searches, plan.written, plan.needed
    ((0,), (2,), (0, 2))
    """

    def __init__(self, schedule: Schedule, fixed: bool, once: bool, stored: range, recurrent: bool) -> None:
        steps = range(len(schedule.reads))
        self.writes_inside = schedule.writes_inside
        self.reads = self._reads(schedule, fixed, once)
        #: The steps that search, and the number of the search that each step goes by: its own, the last one, or -1.
        self.searches = tuple(t for t in steps if self.reads[t] is Read.SEARCH)
        self.made = tuple(step is not Read.NOTHING for step in self.reads)
        made_before = accumulate(step is Read.SEARCH for step in self.reads)
        self.goes_by = tuple(n - 1 if made else -1 for n, made in zip(made_before, self.made, strict=True))
        #: The steps whose keys are written, and all that need a query.
        self.written = tuple(t for t in steps if schedule.writes[t]) if self.writes_inside else ()
        if not self.writes_inside and any(schedule.writes):
            self.written = tuple(stored)
        needed = sorted({*self.searches, *self.written})
        self.needed = tuple(range(max(needed, default=-1) + 1)) if recurrent else tuple(needed)
        #: Whether no write comes before a search.
        first = next((t for t in steps if schedule.writes[t]), len(steps))
        self.searches_first = all(t <= first for t in self.searches)

    @staticmethod
    def _reads(schedule: Schedule, fixed: bool, once: bool) -> tuple[Read, ...]:
        """What each step does: a search is repeated if the query or the memory has changed."""
        reads, current = [], False
        for read, write in zip(schedule.reads, schedule.writes, strict=True):
            reads.append(Read.NOTHING if not read else Read.KEEP if current else Read.SEARCH)
            if read:
                current = fixed or once
            if write and not once:
                current = False
        return tuple(reads)

    @cached_property
    def rows(self) -> Tensor:
        """`goes_by` as indices `[T]` into recalls whose last is that of no search."""
        return torch.tensor(self.goes_by) % (len(self.searches) + 1)

    @cached_property
    def constant(self) -> bool:
        """Whether one recall, at the first step, serves all steps."""
        return self.searches == (0,) and all(self.made)


#: The plan of these arguments, which is the same for most episodes of a training.
plan_of = lru_cache(maxsize=64)(MemoryPlan)
