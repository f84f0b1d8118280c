"""Classical and ideal players of a bandit task, on the same block specifications as the agent.

Each player gives every arm an index computed from the rewards counted so far, and pulls an arm with the
highest (ties broken at random). All environments are played at once. UCB1, Thompson sampling and Gittins
forget between episodes, as in Ritter et al. 2018, figure 3c; the ideal observer keeps its counts for as
long as the block lasts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.gittins import gittins_indices

if TYPE_CHECKING:  # a bandit's `ideal` is one of these players
    from episodic.tasks.bandit import Bandit


class Counts(NamedTuple):
    """What a player knows of its context: successes and failures of each arm, `[B, A]`, and the arms' truth."""

    successes: Tensor
    failures: Tensor
    probabilities: Tensor  # [B, A], for the oracle alone

    @property
    def pulls(self) -> Tensor:
        """Pulls of each arm, `[B, A]`."""
        return self.successes + self.failures


Index = Callable[["Bandit", Counts], Tensor]


@dataclass(frozen=True)
class Player:
    """A rule that gives each arm an index, and whether it knows a context again."""

    name: str
    index: Index
    remembers: bool = False


class Play(NamedTuple):
    """A block as a player played it."""

    actions: Tensor  # [E, T, B] long
    rewards: Tensor  # [E, T, B]
    regrets: Tensor  # [E, T, B] best arm's probability of a reward less that of the chosen one


def uniform_index(task: "Bandit", counts: Counts) -> Tensor:
    """All arms alike: random choice."""
    return torch.zeros_like(counts.successes)


def ucb1_index(task: "Bandit", counts: Counts) -> Tensor:
    """`mean + sqrt(2 ln n / n_arm)`, each arm once first (Auer et al. 2002, UCB1)."""
    total = counts.pulls.sum(dim=1, keepdim=True).clamp_min(1)
    bonus = torch.sqrt(2 * total.log() / counts.pulls.clamp_min(1))
    mean = counts.successes / counts.pulls.clamp_min(1)
    return torch.where(counts.pulls == 0, torch.inf, mean + bonus)


def thompson_index(task: "Bandit", counts: Counts) -> Tensor:
    """A draw from each arm's Beta(1 + s, 1 + f) posterior (Thompson 1933)."""
    return torch.distributions.Beta(1 + counts.successes, 1 + counts.failures).sample()


def gittins_index(task: "Bandit", counts: Counts) -> Tensor:
    """The Gittins index of each arm under a uniform prior, discount 0.9."""
    table = gittins_indices(task.pulls).to(counts.successes)
    return table[counts.successes.long(), counts.failures.long()]


def ideal_index(task: "Bandit", counts: Counts) -> Tensor:
    """The log posterior odds of each arm being the one that pays `best` while all others pay `rest`."""
    best, rest = (min(max(p, 1e-12), 1 - 1e-12) for p in (task.best, task.rest))
    odds = counts.successes * math.log(best / rest) + counts.failures * math.log((1 - best) / (1 - rest))
    odds[:, task.candidates :] = -torch.inf  # never the best one
    return odds


def oracle_index(task: "Bandit", counts: Counts) -> Tensor:
    """The arms' true probabilities."""
    return counts.probabilities


PLAYERS: dict[str, Player] = {
    player.name: player
    for player in (
        Player("random", uniform_index),
        Player("ucb1", ucb1_index),
        Player("thompson", thompson_index),
        Player("gittins", gittins_index),
        Player("ideal_without_memory", ideal_index),
        Player("ideal", ideal_index, remembers=True),
        Player("oracle", oracle_index),
    )
}


@torch.no_grad()
def play_block(player: Player, task: "Bandit", spec: BlockSpec) -> Play:
    """Play a block: a function of player and specification alone, which leaves torch's generators as they were."""
    luck = task.luck(spec)
    batch, contexts, arms = spec.rules.probabilities.shape
    rows = torch.arange(batch, device=luck.device)
    counted = spec.rules.probabilities.new_zeros(2, batch, contexts, arms)
    actions = torch.empty(luck.shape, dtype=torch.long, device=luck.device)
    with torch.random.fork_rng():  # the library's distributions draw from the global generators
        torch.manual_seed(seeded(spec.seed, 2).initial_seed())
        for episode in range(spec.episodes):
            context, probabilities = spec.rules.contexts[episode], spec.rules.arms(episode)
            known = counted[:, rows, context] if player.remembers else torch.zeros_like(counted[:, :, 0])
            for t in range(task.pulls):
                index = player.index(task, Counts(known[0], known[1], probabilities))
                action = _random_argmax(index)
                failed = luck[episode, t].unsqueeze(1) >= probabilities.gather(1, action)
                known[failed.squeeze(1).long(), rows, action.squeeze(1)] += 1
                actions[episode, t] = action.squeeze(1)
            if player.remembers:
                counted[:, rows, context] = known
    chosen = torch.stack([spec.rules.arms(e).gather(1, actions[e].T).T for e in range(spec.episodes)])
    best = torch.stack([spec.rules.arms(e).amax(dim=1) for e in range(spec.episodes)])
    return Play(actions, (luck < chosen).float(), best.unsqueeze(1) - chosen)


def _random_argmax(index: Tensor) -> Tensor:
    """An arm with the highest index, drawn evenly among equals: `[B, A]` -> `[B, 1]` long."""
    tied = index >= index.amax(dim=1, keepdim=True) - 1e-6
    return (tied * (torch.rand(index.shape, device=index.device) + 1)).argmax(dim=1, keepdim=True)
