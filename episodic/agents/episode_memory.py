"""The reads and writes of one episode."""

from enum import Enum

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from episodic.agents.keyed_memory import KeyedMemory
from episodic.agents.trajectory import Reads
from episodic.memory.recall import EMPTY, Recall
from episodic.networks.core import Core, Tape, tanh
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Schedule


class Read(Enum):
    """What a step does about the memory before it acts."""

    SEARCH = 0  # read it
    KEEP = 1  # go on with what was recalled last
    NOTHING = 2  # reinstate nothing


class EpisodeMemory:
    """Reads and writes an agent's memory during one episode.

    A query that stays the same is searched by once, unless the memory changes within the episode.

    Args:
        memory: the agent's.
        spec: of the block, with cues.
        episode: its number, from 0.
        schedule: the steps with reads and writes.
        core: of the agent.
        tape: of the episode.
        rewards: `[T + 1, B, 1]`, filled in as the episode is played; the reward of step t is entry t + 1.
    """

    def __init__(
        self,
        memory: KeyedMemory,
        spec: BlockSpec,
        episode: int,
        schedule: Schedule,
        core: Core,
        tape: Tape,
        rewards: Tensor,
    ) -> None:
        self.memory, self.store, self.keys, self.embedder = memory, memory.store, memory.keys, memory.embedder
        self.spec, self.episode, self.schedule, self.core, self.tape = spec, episode, schedule, core, tape
        self.rewards = rewards[1:, :, 0]
        self.differentiable = torch.is_grad_enabled()  # playing itself is without gradient
        steps = len(schedule.reads)
        self.queries: list[Tensor | None] = [None] * steps
        self.recalls: list[Recall | None] = [None] * steps
        self.embedded: dict[int, Tensor] = {}  # what the embedder made the queries of
        self.carried = self.embedder.initial_state(spec.batch_size) if self.embedder is not None else None
        cues = spec.cues[episode]
        self.cues = cues if cues.dim() == 3 else cues.unsqueeze(0)  # [1 or T, B, C]
        self.context = self._context()
        self.plan = self._plan()
        self.written = self._written()
        self.needed = self._needed()
        self.squashed: Tensor | None = None  # the tanh of the value that was recalled last
        self.unwritten = 0  # the first step whose reward belongs to the next write

    def _context(self) -> Tensor:
        """The queries `[1 or T, B, K]` of an agent that searches by the context."""
        if self.keys.source == "label":
            of_steps = self.spec.query_labels
            labels = self.spec.labels[self.episode].unsqueeze(0) if of_steps is None else of_steps[self.episode]
            return self._one_hot(labels)
        return self.cues if self.spec.queries is None else self.spec.queries[self.episode]

    def _one_hot(self, labels: Tensor) -> Tensor:
        """Labels as keys: `[...]` long -> `[..., label_count]`; there is no label -1, it is given as 0."""
        return one_hot(labels.clamp_min(0), self.memory.sizes.label_count).to(self.cues.dtype)

    def _plan(self) -> list[Read]:
        """What each step does: a search is repeated where the query or the memory has changed."""
        fixed = not self.keys.changing and len(self.context) == 1
        plan, current = [], False
        for read, write in zip(self.schedule.reads, self.schedule.writes, strict=True):
            plan.append(Read.NOTHING if not read else Read.KEEP if current else Read.SEARCH)
            if read:
                current = fixed or self.keys.read_at == "first"
            if write and self.keys.read_at != "first":
                current = False
        return plan

    def _written(self) -> list[int]:
        """The steps whose keys are written."""
        if self.schedule.writes_inside:
            return [t for t, write in enumerate(self.schedule.writes) if write]
        return list(self.keys.stored_steps(len(self.plan))) if any(self.schedule.writes) else []

    def _needed(self) -> set[int]:
        """The steps that need a query; a recurrent embedder then needs those of all steps before."""
        needed = {t for t, step in enumerate(self.plan) if step is Read.SEARCH}.union(self.written)
        return needed if self.carried is None else set(range(max(needed, default=-1) + 1))

    @property
    def foreseen(self) -> bool:
        """Whether all reads can be made before the episode: queries are known, and no write comes before a read."""
        if self.keys.changing:
            return False
        first = next((t for t, write in enumerate(self.schedule.writes) if write), len(self.plan))
        return Read.SEARCH not in self.plan[first + 1 :]

    def read(self, t: int) -> Tensor | None:
        """What step t reinstates, the tanh of a recalled value `[B, H]`; the core has begun the step."""
        if t in self.needed:
            self._query(t)  # later the core's candidate is gone
        if self.plan[t] is Read.SEARCH:
            self.squashed = self._search(t)
        return None if self.plan[t] is Read.NOTHING else self.squashed

    def _search(self, t: int) -> Tensor:
        query = self._query(t)
        with torch.set_grad_enabled(self.differentiable):
            recall = self.store.read(query)
        self.recalls[t] = recall
        return tanh(recall.value.detach())

    def _query(self, t: int) -> Tensor:
        """The query `[B, K]` of step t."""
        query = self.queries[t]
        if query is None:
            query = self._source(t)
            if self.embedder is not None:
                self.embedded[t] = query
                query, self.carried = self.embedder.step(query, self.carried)
            self.queries[t] = query
        return query

    def _source(self, t: int) -> Tensor:
        """What the key source gives at step t, `[B, S]`."""
        if self.keys.source == "hidden":
            if self.keys.state == "hidden":
                return self.core.candidate_hidden(self.tape, t)
            return self.core.candidate_cell(self.tape, t).clone()
        if self.keys.source == "input":
            seen = self.tape.inputs[t, :, : self.memory.sizes.seen_size]
            return torch.cat([seen, self.cues[min(t, len(self.cues) - 1)]], dim=1)
        return self.context[min(t, len(self.context) - 1)]

    def after(self, t: int) -> None:
        """Write after step t, where the schedule writes within the episode."""
        if self.schedule.writes_inside and t in self.written:
            self._write(t, self.tape.cells[t + 1])

    def finish(self) -> None:
        """Write what is stored when the episode ends, the earlier steps' keys first."""
        if self.schedule.writes_inside:
            return
        cells = self.tape.cells
        for t in self.written:
            self.unwritten = 0  # the return is the episode's
            self._write(t, cells[-1] if self.keys.value == "final" else cells[t + 1], len(self.plan))

    def _write(self, t: int, value: Tensor, end: int | None = None) -> None:
        """Store the keys of step t with a value `[B, V]`; the return is that of the steps since the last write."""
        end = t + 1 if end is None else end
        returns = self.rewards[self.unwritten : end].sum(dim=0) if self.store.wants_returns else None
        self.unwritten = end
        labels, labeller = self._labels(t), self.memory.labeller
        for (key, source), label in zip(self._keys(t, labels), labels, strict=False):
            stack = labeller(key) if labeller is not None else None
            self.store.write(key, value, label, returns, source=source, stack=stack)

    def _keys(self, t: int, labels: list[Tensor]) -> list[tuple[Tensor, Tensor | None]]:
        """The keys `[B, K]` of step t, and what each is made of, `[B, S]`: what was embedded, or a drawing's row.

        The block may name the keys that belong to a context; otherwise the step's query is the key.
        """
        if self.keys.source == "label" and self.spec.key_labels is not None:
            return [(self._one_hot(label), None) for label in labels]
        named = self.spec.keys if self.keys.source == "context" else None
        if named is None:
            return [(self._query(t), self.embedded.get(t, self._drawing(t)))]
        keys = self._written_at(t, named).unbind(1)
        if self.embedder is None:
            return [(key, self._drawing(t)) for key in keys]
        return [(self.embedder.step(key, self.embedder.initial_state(len(key)))[0], key) for key in keys]

    def _drawing(self, t: int) -> Tensor | None:
        """The row of the drawing at step t in its table, `[B, 1]`."""
        drawings = self.spec.drawings
        if drawings is None:
            return None
        row = drawings[self.episode] if drawings.dim() == 2 else drawings[self.episode, t]
        return row.unsqueeze(1).to(self.cues.dtype)

    def _labels(self, t: int) -> list[Tensor]:
        labels = self.spec.key_labels
        if labels is None:
            return [self.spec.labels[self.episode]] * self.memory.sizes.writes
        return list(self._written_at(t, labels).unbind(1))

    def _written_at(self, t: int, parts: Tensor) -> Tensor:
        """The part of step t in `[E, 1, N or T, B, ...]`: one entry for all, for each of N writes, or for each step."""
        entries = parts.shape[1]
        return parts[self.episode, 0 if entries == 1 else t if entries == len(self.plan) else self.written.index(t)]

    def reads(self) -> Reads | None:
        """The episode's reads, `[T, B, ...]`; None where it had none."""
        first = next((recall for recall in self.recalls if recall is not None), None)
        if first is None:
            return None
        made = tuple(step is not Read.NOTHING for step in self.plan)
        with torch.set_grad_enabled(self.differentiable):
            if self.plan[0] is Read.SEARCH and all(step is Read.KEEP for step in self.plan[1:]):
                query, steps = self._query(0), len(self.plan)
                recall = Recall(*(part.expand(steps, *part.shape) for part in first))
                return Reads(query.expand(steps, *query.shape), recall, made)
            nothing = Recall(
                torch.zeros_like(first.value),
                torch.full_like(first.label, EMPTY),
                torch.full_like(first.similarity, float("-inf")),
                torch.full_like(first.slot, EMPTY),
            )
            blank = torch.zeros_like(self._query(self.plan.index(Read.SEARCH)))
            queries: list[Tensor] = []
            recalls: list[Recall] = []
            latest = blank, nothing
            for t, step in enumerate(self.plan):
                if step is Read.SEARCH:
                    latest = self._query(t), self.recalls[t] or nothing
                query, recall = (blank, nothing) if step is Read.NOTHING else latest
                queries.append(query)
                recalls.append(recall)
            return Reads(torch.stack(queries), Recall(*(torch.stack(f) for f in zip(*recalls, strict=True))), made)
