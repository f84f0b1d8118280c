"""A slow player: one environment, one episode, one step at a time; the rollout is compared with it."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.agents.agent import Agent
from episodic.memory.memory import Memory
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Task
from tests.episodic.agents.trail import ACTIONS, STEPS

#: Plays one environment: (block, its luck `[E, T, B]`, episode, environment, actions so far) -> last reward, and the
#: observation that follows it.
World = Callable[[BlockSpec, Tensor, int, int, list[int]], tuple[float, list[float]]]


def bandit(spec: BlockSpec, luck: Tensor, e: int, b: int, actions: list[int]) -> tuple[float, list[float]]:
    if not actions:
        return 0.0, []
    pays = spec.rules.probabilities[b, int(spec.rules.contexts[e, b])]
    return float(luck[e, len(actions) - 1, b] < pays[actions[-1]]), []


def trail(spec: BlockSpec, luck: Tensor, e: int, b: int, actions: list[int]) -> tuple[float, list[float]]:
    target = int(spec.rules.targets[e, b])
    if not actions:
        return 0.0, [0.0, target / ACTIONS]
    hit = actions[-1] == target
    return hit * float(luck[e, len(actions) - 1, b]), [sum(actions) / STEPS, float(hit)]


class Stored(NamedTuple):
    key: Tensor
    value: Tensor
    label: int
    stack: int
    earned: float


class ListMemory:
    """The memory of one environment, as a list from the oldest to the newest."""

    def __init__(self, capacity: int, by_stack: bool, best_return: bool) -> None:
        self.capacity, self.by_stack, self.best_return = capacity, by_stack, best_return
        self.by_age: list[Stored] = []
        self.by_use: list[int] = []  # stacks, the least recently used first

    def read(self, query: Tensor) -> Stored | None:
        if not self.by_age:
            return None
        near = [torch.cosine_similarity(query, stored.key, dim=0, eps=1e-12).item() for stored in self.by_age]
        newest = max(row for row, value in enumerate(near) if value >= max(near) - 1e-5)
        self._use(self.by_age[newest].stack)
        return self.by_age[newest]

    def write(self, new: Stored) -> None:
        if self.by_stack and new.stack in self.by_use:
            old = self._drop(new.stack)
            if self.best_return and old.earned > new.earned:
                new = old._replace(label=new.label)
        elif len(self.by_age) == self.capacity:
            self._drop(self.by_use[0] if self.by_stack else self.by_age[0].stack)
        self.by_age.append(new)
        self._use(new.stack)

    def _drop(self, stack: int) -> Stored:
        return self.by_age.pop(next(row for row, stored in enumerate(self.by_age) if stored.stack == stack))

    def _use(self, stack: int) -> None:
        held = {stored.stack for stored in self.by_age}
        self.by_use = [one for one in self.by_use if one != stack and one in held] + [stack]


def lstm_step(core: EpisodicLSTM, x: Tensor, h: Tensor, c: Tensor, recalled: Tensor | None) -> tuple[Tensor, Tensor]:
    """The episodic LSTM's equations for one environment -> hidden and cell state `[H]`."""
    o, i, f, *r, g = (core.weight @ torch.cat([x, h]) + core.bias).chunk(core.gates)
    c = i.sigmoid() * g.tanh() + f.sigmoid() * c
    if r and recalled is not None:
        c = c + r[0].sigmoid() * recalled.tanh()
    return o.sigmoid() * c.tanh(), c


class Expected(NamedTuple):
    """What the slow player sees, `[E, T, B, ...]`; cells `[E, T + 1, B, H]`."""

    hidden: Tensor
    cells: Tensor
    rewards: Tensor
    labels: Tensor  # recalled ones, -1 for none
    logits: Tensor


@torch.no_grad()
def play_slowly(agent: Agent, task: Task, spec: BlockSpec, world: World, actions: Tensor) -> Expected:
    """Take the recorded actions `[E, T, B]` again."""
    luck, shape, size = task.luck(spec), actions.shape, agent.core.hidden_size
    played = Expected(
        torch.zeros(*shape, size),
        torch.zeros(shape[0], shape[1] + 1, shape[2], size),
        torch.zeros(shape),
        torch.full(shape, -1),
        torch.zeros(*shape, task.actions),
    )
    for b in range(spec.batch_size):
        memory = None
        if agent.memory is not None:
            store = agent.memory.store
            assert isinstance(store, Memory)
            stacks = store.stacks
            best = stacks is not None and stacks.rules.wants_returns
            memory = ListMemory(store.capacity, stacks is not None, best)
        for e in range(spec.episodes):
            _Episode(agent, task, spec, world, luck, memory, e, b).play(actions[e, :, b].tolist(), played)
    return played


class _Episode:
    def __init__(
        self,
        agent: Agent,
        task: Task,
        spec: BlockSpec,
        world: World,
        luck: Tensor,
        memory: ListMemory | None,
        e: int,
        b: int,
    ) -> None:
        self.agent, self.task, self.spec, self.world, self.luck = agent, task, spec, world, luck
        self.memory, self.e, self.b = memory, e, b
        self.sources: list[Tensor] = []  # what queries are made of, step by step
        self.queries: list[Tensor] = []
        self.rewards: list[float] = []

    def at(self, part: Tensor, t: int) -> Tensor:
        """This environment's part of `[E, 1 or T, B, ...]` at step t."""
        return part[self.e, min(t, part.shape[1] - 1), self.b]

    def play(self, actions: list[int], played: Expected) -> None:
        core, e, b, size = self.agent.core, self.e, self.b, self.agent.core.hidden_size
        assert isinstance(core, EpisodicLSTM)
        h, c, kept = torch.zeros(size), torch.zeros(size), None
        cues = self.spec.cues if self.spec.cues.dim() == 4 else self.spec.cues.unsqueeze(1)
        schedule, keys = self.task.schedule, self.agent.memory.keys if self.agent.memory is not None else None
        inside, unwritten = any(schedule.writes[:-1]), 0
        for t in range(len(actions)):
            reward, observation = self.world(self.spec, self.luck, e, b, actions[:t])
            last = torch.zeros(self.task.actions + 1)
            if t > 0:
                last[actions[t - 1]], last[-1] = 1.0, reward
            feedback, cue = torch.cat([last, torch.tensor(observation)]), self.at(cues, t)
            x = torch.cat([feedback, self.agent.seen(cue)]) if self.agent.cue_input else feedback
            recalled = None
            if keys is not None and self.memory is not None:
                self.make_query(t, feedback, cue, lstm_step(core, x, h, c, None))
                if schedule.reads[t]:
                    searches = keys.read_at == "every" or not any(schedule.reads[:t])
                    kept = self.memory.read(self.queries[t]) if searches else kept
                    recalled = kept
            h, c = lstm_step(core, x, h, c, recalled.value if recalled is not None else None)
            played.hidden[e, t, b], played.cells[e, t + 1, b] = h, c
            played.labels[e, t, b] = recalled.label if recalled is not None else -1
            played.logits[e, t, b] = (self.agent.heads.weight @ h + self.agent.heads.bias)[:-1]
            played.rewards[e, t, b], _ = self.world(self.spec, self.luck, e, b, actions[: t + 1])
            self.rewards.append(float(played.rewards[e, t, b]))
            if self.memory is not None and inside and schedule.writes[t]:
                self.write(t, c, sum(self.rewards[unwritten:]))
                unwritten = t + 1
        if keys is None or inside or not schedule.writes[-1]:
            return
        steps = self.task.steps
        stored = {"first": [0], "last": [steps - 1], "all": list(range(steps))}
        stored["after_first_quarter"] = [t for t in range(steps) if t >= steps // 4]
        for t in stored[keys.stored]:
            self.write(t, c if keys.value == "final" else played.cells[e, t + 1, b].clone(), sum(self.rewards))

    def make_query(self, t: int, feedback: Tensor, cue: Tensor, candidate: tuple[Tensor, Tensor]) -> None:
        memory, spec = self.agent.memory, self.spec
        assert memory is not None
        self.sources.append(
            {
                "context": cue if spec.queries is None else self.at(spec.queries, t),
                "input": torch.cat([feedback, cue]),
                "hidden": candidate[0] if memory.keys.state == "hidden" else candidate[1],
                "label": torch.eye(memory.sizes.label_count)[spec.labels[self.e, self.b]],
            }[memory.keys.source]
        )
        query = self.sources[-1]
        if memory.embedder is not None:
            query = memory.embedder.embed(torch.stack(self.sources).unsqueeze(0))[0]
        self.queries.append(query)

    def write(self, t: int, value: Tensor, earned: float) -> None:
        memory, spec = self.agent.memory, self.spec
        assert memory is not None
        assert self.memory is not None
        keys, labels = [self.queries[t]], [int(spec.labels[self.e, self.b])]
        if spec.keys is not None and memory.keys.source == "context" and memory.embedder is None:
            keys = list(self.at(spec.keys, t))
        if spec.key_labels is not None:
            labels = self.at(spec.key_labels, t).tolist()
        for key, label in zip(keys, labels, strict=False):
            stack = label if memory.labeller is None else int(memory.labeller(key.unsqueeze(0)))
            self.memory.write(Stored(key, value, label, stack, earned))
