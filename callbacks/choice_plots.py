"""Plots of an agent's test in the contextual choice task: accuracy and reinstatement gate by step."""

from torch import Tensor

from callbacks.agent_plots import AgentPlots, Tested
from callbacks.pictures import log_picture
from episodic.plots.tasks.choice_plots import plot_choices
from episodic.tasks.contextual_choice import ContextualChoice


class ChoicePlots(AgentPlots):
    """Plot an agent's choices after `test`: the plots of `AgentPlots`, and `accuracy_by_step`.

    It shows the share of right choices by step in both halves of a block, beside the ideal players, and the mean
    reinstatement gate, if there is one. Other tasks get only the plots of `AgentPlots`.
    """

    def plot_task(self, tested: Tested) -> None:
        """Plot the choices."""
        task, statistics = tested.task, tested.statistics
        if not isinstance(task, ContextualChoice):
            return
        count = statistics.count.unsqueeze(1)
        players = {name: accuracy_by_half(rewards) for name, rewards in tested.ideal.items()}
        gate = statistics.gate / count if statistics.gate.any() else None
        figure = plot_choices(statistics.reward / count, task.quiet, players, gate)
        log_picture(tested.trainer, figure, "accuracy_by_step")


def accuracy_by_half(rewards: Tensor) -> Tensor:
    """Return the share of right choices `[2, T]` in the halves of a block of rewards `[E, T, B]`."""
    halves: Tensor = rewards.unflatten(0, (2, -1))
    return halves.mean(dim=(1, 3))
