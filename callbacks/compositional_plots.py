"""Plots of an agent's test on the compositional bandit: regret by the familiarity of the two arms."""

import torch
from torch import Tensor

from callbacks.agent_plots import AgentPlots, Tested
from callbacks.pictures import log_picture
from episodic.plots.tasks.compositional_plots import plot_familiarity, plot_regret_by_pull
from episodic.tasks.compositional.rules import FAMILIARITY
from episodic.tasks.compositional.task import CompositionalTask

#: What a plot calls each familiarity.
KINDS = ("both new", "good arm familiar", "bad arm familiar", "both familiar")


class CompositionalPlots(AgentPlots):
    """Plot an agent's episodes on the compositional bandit after `test`.

    Besides the plots of `AgentPlots`:

    - `regret_by_familiarity`: regret, and so reward, of an episode by which of the two arms occurred in an earlier
      episode of the block, beside the ideal players';
    - `regret_by_pull`: the same regret up to and including each pull.

    Other tasks get only the plots of `AgentPlots`.
    """

    def plot_task(self, tested: Tested) -> None:
        """Plot the regret by familiarity."""
        task, statistics = tested.task, tested.statistics
        if not isinstance(task, CompositionalTask):
            return
        counts = torch.stack([statistics.measured(f"regret_{kind}").sum() for kind in FAMILIARITY])
        sums = torch.stack([statistics.measure(f"regret_{kind}").sum(dim=0) for kind in FAMILIARITY])
        regret = {"agent": (sums / counts.unsqueeze(1)).cumsum(dim=1)}
        familiar = tested.block.rules.familiar
        regret |= {name: ideal_regret(rewards, familiar, task.best) for name, rewards in tested.ideal.items()}
        of_episode = {name: lines[:, -1] for name, lines in regret.items()}
        highest = task.pulls * task.best
        picture = plot_familiarity(of_episode, KINDS, counts / counts.sum(), highest)
        log_picture(tested.trainer, picture, "regret_by_familiarity")
        log_picture(tested.trainer, plot_regret_by_pull(regret, KINDS), "regret_by_pull")


def ideal_regret(rewards: Tensor, familiar: Tensor, best: float) -> Tensor:
    """Estimate the mean regret `[K, T]` up to and including each pull, for each of K familiarities.

    It is the expected reward of the good arm minus the mean reward. NaN for a familiarity that does not occur.

    Args:
        rewards: `[E, T, B]`.
        familiar: `[E, B]` long, index into FAMILIARITY.
        best: Probability of a reward on the good arm.
    """
    by_step = rewards.double().transpose(1, 2)  # [E, B, T]
    means = torch.stack([by_step[familiar == kind].mean(dim=0) for kind in range(len(FAMILIARITY))])
    return (best - means).cumsum(dim=1)
