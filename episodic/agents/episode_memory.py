"""The reads and writes of one episode."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from episodic.agents.keyed_memory import KeyedMemory
from episodic.agents.memory_plan import Read, plan_of
from episodic.agents.trajectory import Reads
from episodic.memory.recall import EMPTY, Recall
from episodic.memory.slots import Slots
from episodic.networks.core import Core, Tape, tanh
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Schedule


class Write(NamedTuple):
    """What an episode stores after a step."""

    after: int
    key: Tensor  # [B, K]
    value: Tensor  # [B, V]
    label: Tensor  # [B] long
    source: Tensor | None  # [B, S], where the memory keeps it


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
        rewards: `[T, B]`, filled in as the episode is played.
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
        self.spec, self.episode, self.core, self.tape, self.rewards = spec, episode, core, tape, rewards
        self.differentiable = torch.is_grad_enabled()  # playing itself is without gradient
        self.steps = len(schedule.reads)
        self.queries: list[Tensor | None] = [None] * self.steps
        self.recalls: dict[int, Recall] = {}
        self.recalled: Recall | None = None  # [S, B, ...] of S searches, then of none, from a native call
        self.embedded: dict[int, Tensor] = {}  # what the embedder made the queries of
        self.carried = self.embedder.initial_state(spec.batch_size) if self.embedder is not None else None
        cues = spec.cues[episode]
        self.cues = cues if cues.dim() == 3 else cues.unsqueeze(0)  # [1 or T, B, C]
        self.context = self._context()
        keys = self.keys
        self.plan = plan_of(
            schedule,
            fixed=not keys.changing and len(self.context) == 1,
            once=keys.read_at == "first",
            stored=keys.stored_steps(self.steps),
            recurrent=self.carried is not None,
        )
        self.keeps_sources = isinstance(self.store, Slots) and self.store.source_size > 0
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

    @property
    def foreseen(self) -> bool:
        """Whether all reads can be made before the episode: queries are known, and no write comes before a read."""
        return not self.keys.changing and self.plan.searches_first

    def read(self, t: int) -> Tensor | None:
        """What step t reinstates, the tanh of a recalled value `[B, H]`; the core has begun the step."""
        if t in self.plan.needed:
            self.query(t)  # later the core's candidate is gone
        if self.plan.reads[t] is Read.SEARCH:
            self.squashed = self._search(t)
        return None if self.plan.reads[t] is Read.NOTHING else self.squashed

    def _search(self, t: int) -> Tensor:
        query = self.query(t)
        with torch.set_grad_enabled(self.differentiable):
            recall = self.store.read(query)
        self.recalls[t] = recall
        return tanh(recall.value.detach())

    def query(self, t: int) -> Tensor:
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
            return torch.cat([self.tape.inputs[t, :, : self.memory.sizes.seen_size], self.cue(t)], dim=1)
        return self.context[t if len(self.context) > 1 else 0]

    def cue(self, t: int) -> Tensor:
        """The cue `[B, C]` at step t."""
        return self.cues[t if len(self.cues) > 1 else 0]

    def after(self, t: int) -> None:
        """Write after step t, if the schedule writes within the episode."""
        if self.plan.writes_inside and t in self.plan.written:
            self._write(t, self.tape.cells[t + 1], t + 1)

    def finish(self) -> None:
        """Write what is stored when the episode ends, the earlier steps' keys first."""
        if self.plan.writes_inside:
            return
        for t in self.plan.written:
            self.unwritten = 0  # the return is the episode's
            self._write(t, self._final_value(t), self.steps)

    def _final_value(self, t: int) -> Tensor:
        """The value `[B, V]` that the key of step t gets when the episode ends."""
        return self.tape.cells[-1 if self.keys.value == "final" else t + 1]

    def _write(self, t: int, value: Tensor, end: int) -> None:
        """Store the keys of step t with a value `[B, V]`; the return is that of the steps since the last write."""
        returns = self.rewards[self.unwritten : end].sum(dim=0) if self.store.wants_returns else None
        self.unwritten = end
        labels, labeller = self._labels(t), self.memory.labeller
        for (key, source), label in zip(self._keys(t, labels), labels, strict=False):
            stack = labeller(key) if labeller is not None else None
            self.store.write(key, value, label, returns, source=source, stack=stack)

    def due(self) -> list[Write]:
        """The writes of the episode in order; all queries must be there, or room for them."""
        writes, inside = [], self.plan.writes_inside
        for t in self.plan.written:
            after, value = (t, self.tape.cells[t + 1]) if inside else (self.steps - 1, self._final_value(t))
            labels = self._labels(t)
            for (key, source), label in zip(self._keys(t, labels), labels, strict=False):
                writes.append(Write(after, key.contiguous(), value, label.contiguous(), source))
        return writes

    def _keys(self, t: int, labels: list[Tensor]) -> list[tuple[Tensor, Tensor | None]]:
        """The keys `[B, K]` of step t, and what each is made of, `[B, S]`: what was embedded, or a drawing's row.

        The block may name the keys that belong to a context; otherwise the step's query is the key.
        """
        if self.keys.source == "label" and self.spec.key_labels is not None:
            return [(self._one_hot(label), None) for label in labels]
        named = self.spec.keys if self.keys.source == "context" else None
        if named is None:
            return [(self.query(t), self.embedded.get(t, self._drawing(t)))]
        keys = self._written_at(t, named).unbind(1)
        if self.embedder is None:
            return [(key, self._drawing(t)) for key in keys]
        return [(self.embedder.step(key, self.embedder.initial_state(len(key)))[0], key) for key in keys]

    def _drawing(self, t: int) -> Tensor | None:
        """The row of the drawing at step t in its table, `[B, 1]`, if the memory keeps it."""
        drawings = self.spec.drawings
        if drawings is None or not self.keeps_sources:
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
        entries, written = parts.shape[1], self.plan.written
        return parts[self.episode, 0 if entries == 1 else t if entries == self.steps else written.index(t)]

    def reads(self) -> Reads | None:
        """The episode's reads, `[T, B, ...]`; None if it had none."""
        plan = self.plan
        if not plan.searches:
            return None
        with torch.set_grad_enabled(self.differentiable):
            if plan.constant:
                query, steps = self.query(0), self.steps
                if self.recalled is not None:
                    recall = Recall(*(part.expand(steps, *part.shape[1:]) for part in self.recalled))
                else:
                    recall = Recall(*(part.expand(steps, *part.shape) for part in self.recalls[0]))
                return Reads(query.expand(steps, *query.shape), recall, plan.made)
            blank = torch.zeros_like(self.query(plan.searches[0]))
            searches = [self.query(t) for t in plan.searches]
            queries = torch.stack([searches[number] if number >= 0 else blank for number in plan.goes_by])
            return Reads(queries, self._recall_of_steps(), plan.made)

    def _recall_of_steps(self) -> Recall:
        """What each step goes by, `[T, B, ...]`."""
        plan, made = self.plan, self.recalled
        if made is not None:
            return made if len(plan.searches) == self.steps else Recall(*(part[plan.rows] for part in made))
        recalls = [self.recalls[t] for t in plan.searches]
        like = recalls[0]
        nothing = Recall(
            torch.zeros_like(like.value),
            torch.full_like(like.label, EMPTY),
            torch.full_like(like.similarity, float("-inf")),
            torch.full_like(like.slot, EMPTY),
        )
        of_steps = [recalls[number] if number >= 0 else nothing for number in plan.goes_by]
        return Recall(*(torch.stack(parts) for parts in zip(*of_steps, strict=True)))
