"""The ideal player of the two-step task: a posterior over the better state, with or without recognising contexts."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec

if TYPE_CHECKING:
    from episodic.tasks.two_step import TwoStep, TwoStepEpisode


class TwoStepPlayer:
    """Chooses the action with the higher expected reward, in B environments at once.

    The player knows all probabilities of the task, sees every transition and reward, and keeps `P(state 1 is better)`.
    In cued trials a state may pay what an uncued trial paid. A player that recognises contexts knows which state and
    reward that was. Otherwise every uncued trial is equally likely to be the cued one, so the states pay

        P(r = 1 | s) = (K_s + (N - N_s) P_s) / N,

    where N_s of the N uncued trials led to state s, K_s of them were rewarded, and P_s is the state's own probability.

    Both states tell equally much about which is better, so in uncued trials no exploration is worth its cost.

    Args:
        task: the rules.
        spec: the block.
        memory: whether the player recognises contexts.
    """

    def __init__(self, task: "TwoStep", spec: BlockSpec, *, memory: bool) -> None:
        self.task, self.cued, self.memory = task, spec.rules.cued, memory
        self.belief = torch.full((spec.batch_size,), 0.5, dtype=torch.float64, device=spec.labels.device)
        self.visits, self.wins = (self.belief.new_zeros(spec.batch_size, 2) for _ in range(2))  # of uncued trials

    def choose(self, trial: int, episode: "TwoStepEpisode") -> Tensor:
        """Choose an action `[B]` long."""
        pays = self._pays(trial, episode, self._own())
        return (pays[:, 1] > pays[:, 0]).long() if self.task.common >= 0.5 else (pays[:, 0] > pays[:, 1]).long()

    def observe(self, trial: int, episode: "TwoStepEpisode") -> None:
        """Learn from a trial's state and reward, and allow for a reversal before the next."""
        state, rewarded = episode.states[trial].unsqueeze(1), episode.rewards[trial] > 0
        likelihoods = []
        for good in (1, 0):
            own = torch.full_like(self.visits, self.task.low)
            own[:, good] = self.task.high
            paid = self._pays(trial, episode, own).gather(1, state).squeeze(1)
            likelihoods.append(torch.where(rewarded, paid, 1 - paid))
        joint = self.belief * likelihoods[0]
        total = joint + (1 - self.belief) * likelihoods[1]
        belief = torch.where(total > 0, joint / total, self.belief)
        self.belief = belief + self.task.reversal * (1 - 2 * belief)
        if trial < self.task.trials // 2:
            self.visits.scatter_add_(1, state, torch.ones_like(state, dtype=torch.float64))
            self.wins.scatter_add_(1, state, rewarded.unsqueeze(1).double())

    def _own(self) -> Tensor:
        """Probability `[B, 2]` of a reward in each state, unless a cue promises another."""
        good = torch.stack([1 - self.belief, self.belief], dim=1)
        return self.task.low + (self.task.high - self.task.low) * good

    def _pays(self, trial: int, episode: "TwoStepEpisode", own: Tensor) -> Tensor:
        """Probability `[B, 2]` of a reward in each state, whose own probabilities are given."""
        cued = self.cued[trial]
        if trial < self.task.trials // 2:
            return own
        if not self.memory:
            count = self.task.trials // 2
            return (self.wins + (count - self.visits) * own) / count
        earlier = cued.unsqueeze(0)
        state, reward = episode.states.gather(0, earlier).T, episode.rewards.gather(0, earlier).T
        return own.scatter(1, state, reward.double())
