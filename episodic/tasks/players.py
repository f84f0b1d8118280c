"""Classical and ideal players of bandit tasks, on the agent's block specifications.

A player computes an index for every arm from the rewards so far and pulls the arm with the highest index; ties are
broken at random. UCB1, Thompson sampling and Gittins indices forget between episodes, as in Ritter et al. 2018,
figure 3c. The ideal observer keeps its counts of each context for the whole block.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.gittins import gittins_indices

if TYPE_CHECKING:  # `Bandit.ideal` uses a player
    from episodic.tasks.bandit import Bandit


class Counts(NamedTuple):
    """The outcomes that a player has seen in the current context, and the truth about its arms."""

    successes: Tensor  # [B, A]
    failures: Tensor  # [B, A]
    probabilities: Tensor  # [B, A]; only the oracle uses them

    @property
    def pulls(self) -> Tensor:
        """Pulls of each arm, `[B, A]`."""
        return self.successes + self.failures


Index = Callable[["Bandit", Counts], Tensor]


@dataclass(frozen=True)
class Player:
    """A rule that gives each arm an index; `remembers` if it keeps a context's counts across episodes."""

    name: str
    index: Index
    remembers: bool = False


class Play(NamedTuple):
    """The actions of a player in a block, and their outcomes."""

    actions: Tensor  # [E, T, B] long
    rewards: Tensor  # [E, T, B]
    regrets: Tensor  # [E, T, B] the best arm's probability of a reward minus that of the chosen arm


def uniform_index(task: "Bandit", counts: Counts) -> Tensor:
    """Give all arms the same index, which makes the choice random."""
    return torch.zeros_like(counts.successes)


def ucb1_index(task: "Bandit", counts: Counts) -> Tensor:
    """Return `mean + sqrt(2 ln n / n_arm)`; arms not yet pulled come first (UCB1, Auer et al. 2002)."""
    total = counts.pulls.sum(dim=1, keepdim=True).clamp_min(1)
    bonus = torch.sqrt(2 * total.log() / counts.pulls.clamp_min(1))
    mean = counts.successes / counts.pulls.clamp_min(1)
    return torch.where(counts.pulls == 0, torch.inf, mean + bonus)


def thompson_index(task: "Bandit", counts: Counts) -> Tensor:
    """Draw from each arm's Beta(1 + s, 1 + f) posterior (Thompson 1933)."""
    return torch.distributions.Beta(1 + counts.successes, 1 + counts.failures).sample()


def gittins_index(task: "Bandit", counts: Counts) -> Tensor:
    """Return the Gittins index of each arm under a uniform prior, with discount 0.9."""
    table = gittins_indices(task.pulls).to(counts.successes)
    return table[counts.successes.long(), counts.failures.long()]


def ideal_index(task: "Bandit", counts: Counts) -> Tensor:
    """Return the log odds, up to a constant, that an arm pays with `best` and all others with `rest`."""
    best, rest = (min(max(p, 1e-12), 1 - 1e-12) for p in (task.best, task.rest))
    odds = counts.successes * math.log(best / rest) + counts.failures * math.log((1 - best) / (1 - rest))
    odds[:, task.candidates :] = -torch.inf  # these arms are never best
    return odds


def oracle_index(task: "Bandit", counts: Counts) -> Tensor:
    """Return the arms' true probabilities."""
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
    """Play a block: a pure function of its arguments that leaves torch's global generators unchanged.

    >>> from episodic.tasks.barcode_bandit import BarcodeBandit
    >>> task = BarcodeBandit(arms=2, contexts=3, exposures=2, pulls=4)
    >>> play_block(PLAYERS["ideal"], task, task.draw_block(5, seed=0)).rewards.shape
    torch.Size([6, 4, 5])
    """
    luck = task.luck(spec)
    batch, contexts, arms = spec.rules.probabilities.shape
    rows = torch.arange(batch, device=luck.device)
    counted = spec.rules.probabilities.new_zeros(2, batch, contexts, arms)
    actions = torch.empty(luck.shape, dtype=torch.long, device=luck.device)
    with torch.random.fork_rng():  # torch.distributions draw from the global generators
        torch.manual_seed(seeded(spec.seed, 2).initial_seed())
        for episode in range(spec.episodes):
            context, probabilities = spec.rules.contexts[episode], spec.rules.arms(episode)
            known = counted[:, rows, context] if player.remembers else torch.zeros_like(counted[:, :, 0])
            for t in range(task.pulls):
                index = player.index(task, Counts(known[0], known[1], probabilities))
                action = random_argmax(index)
                failed = luck[episode, t].unsqueeze(1) >= probabilities.gather(1, action)
                known[failed.squeeze(1).long(), rows, action.squeeze(1)] += 1
                actions[episode, t] = action.squeeze(1)
            if player.remembers:
                counted[:, rows, context] = known
    chosen = torch.stack([spec.rules.arms(e).gather(1, actions[e].T).T for e in range(spec.episodes)])
    best = torch.stack([spec.rules.arms(e).amax(dim=1) for e in range(spec.episodes)])
    return Play(actions, (luck < chosen).float(), best.unsqueeze(1) - chosen)


def random_argmax(index: Tensor) -> Tensor:
    """Select an arm with the highest index, uniformly among ties: `[B, A]` -> `[B, 1]` long."""
    tied = index >= index.amax(dim=1, keepdim=True) - 1e-6
    return (tied * (torch.rand(index.shape, device=index.device) + 1)).argmax(dim=1, keepdim=True)
