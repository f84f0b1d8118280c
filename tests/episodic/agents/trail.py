"""A small task that uses what a bandit does not: observations, cues that change, several keys a write, any schedule."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec, count_exposures, seeded
from episodic.tasks.task import Schedule, Task

ACTIONS, STEPS, EPISODES, CUE, LABELS = 3, 5, 4, 4, 3
END = (False,) * (STEPS - 1) + (True,)


class TrailRules(NamedTuple):
    targets: Tensor  # [E, B] long, the action that pays


class TrailEpisode:
    """Actions move along a trail; the target pays the step's luck. Position and target's match are observed."""

    def __init__(self, targets: Tensor, luck: Tensor, observation: Tensor) -> None:
        self.targets, self.luck, self.observation = targets.unsqueeze(1), luck.unsqueeze(-1), observation
        self.position = torch.zeros_like(self.targets)
        observation[0, :, 1] = targets / ACTIONS

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        hit = action == self.targets
        reward.copy_(hit * self.luck[t])
        self.position += action
        self.observation[t + 1] = torch.cat([self.position / STEPS, hit], dim=1)

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        return {"position": actions.sum(dim=0)}


@dataclass(frozen=True)
class Trail(Task):
    """The task; by step, cues, queries and keys change within an episode, and each write has `width` keys."""

    reads: tuple[bool, ...] = (True,) * STEPS
    writes: tuple[bool, ...] = END
    by_step: bool = False
    width: int = 1
    actions: int = ACTIONS
    steps: int = STEPS
    episodes: int = EPISODES
    cue_size: int = CUE
    label_count: int = LABELS
    observation_size: int = 2

    @property
    def schedule(self) -> Schedule:
        return Schedule(self.reads, self.writes)

    @property
    def keys_per_write(self) -> int:
        return self.width

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        generator = seeded(seed, 0)
        labels = torch.randint(LABELS, (EPISODES, batch_size), generator=generator)
        table = torch.randn(LABELS, CUE, generator=generator)
        spec = BlockSpec(
            cues=table[labels],
            labels=labels,
            exposures=count_exposures(labels.T).T,
            seed=seed,
            rules=TrailRules(torch.randint(ACTIONS, labels.shape, generator=generator)),
        )
        if not self.by_step:
            return spec
        steps = (EPISODES, STEPS, batch_size)
        return spec._replace(
            cues=torch.randn(*steps, CUE, generator=generator),
            queries=torch.randn(*steps, CUE, generator=generator),
            keys=torch.randn(*steps, self.width, CUE, generator=generator),
            key_labels=torch.randint(LABELS, (*steps, self.width), generator=generator),
        )

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> TrailEpisode:
        return TrailEpisode(spec.rules.targets[episode], luck, observation)
