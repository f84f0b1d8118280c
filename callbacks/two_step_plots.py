"""Plots of an agent's test on the two-step task: stay probabilities, and reward by trial."""

import torch
from torch import Tensor

from callbacks.agent_plots import AgentPlots, Tested
from callbacks.pictures import log_picture
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.plots.tasks.two_step_plots import PAPER_STAYS, plot_reward_by_trial, plot_stays
from episodic.tasks.two_step import COMPARED, OUTCOMES, TwoStep

#: What is compared with which earlier trial; names as in the task's measures.
TITLES = {
    "uncued": "Uncued trials against the trial before",
    "cued": "Cued trials against the trial before",
    "episodic": "Cued trials against the cued trial",
}
#: Trials of which the reward by trial shows the mean.
BIN = 5


class TwoStepPlots(AgentPlots):
    """Plot an agent's episodes on the two-step task after `test`: the plots of `AgentPlots`, and two more.

    - `stay_probabilities`: how often a choice is repeated, by the earlier trial's reward and transition, beside the
      ideal player and the paper's epL2RL; in uncued and cued trials against the trial before, and in cued trials
      against the trial whose context they show;
    - `reward_by_trial`: mean reward in the course of a block, beside the ideal players.

    Args:
        player_environments: Number of environments in which the ideal players play.

    Raises:
        InputError: `player_environments` is not positive.
    """

    def __init__(self, player_environments: int = 1024) -> None:
        super().__init__(player_environments)

    def plot_task(self, tested: Tested) -> None:
        """Plot stay probabilities and the reward by trial; nothing for another task."""
        task = tested.task
        if not isinstance(task, TwoStep):
            return
        ideal = task.ideal_play(tested.block)[1].measures(torch.empty(0))
        panels = {}
        for compared in COMPARED:
            players = {"agent": agent_stays(tested.statistics, compared)}
            players["ideal observer"] = torch.stack([ideal[name].nanmean() for name in measures(compared)])
            if task == TwoStep(steps_per_trial=task.steps_per_trial):
                players["epL2RL in the paper"] = torch.tensor(PAPER_STAYS[compared])
            panels[TITLES[compared]] = players
        log_picture(tested.trainer, plot_stays(panels), "stay_probabilities")
        rewards = tested.statistics.reward.sum(dim=0) / tested.statistics.count.sum()
        lines = {"agent": rewards, **{name: reward.mean(dim=(0, 2)) for name, reward in tested.ideal.items()}}
        by_trial = {name: line.unflatten(0, (task.trials, -1)).sum(dim=1) for name, line in lines.items()}
        log_picture(tested.trainer, plot_reward_by_trial(by_trial, BIN, task.trials // 2), "reward_by_trial")


def measures(compared: str) -> list[str]:
    """Return the names of the task's measures of one comparison, in the order of OUTCOMES."""
    return [f"stay_{compared}_{outcome}" for outcome in OUTCOMES]


def agent_stays(statistics: EpisodeStatistics, compared: str) -> Tensor:
    """Return an agent's stay probabilities `[4]` of one comparison; NaN where no environment had such trials."""
    return torch.stack(
        [statistics.measure(name).sum() / statistics.measured(name).sum() for name in measures(compared)]
    )
