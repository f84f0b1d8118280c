"""Plots of an agent's test on a bandit: regret by exposure, beside other players."""

from torch import Tensor

from callbacks.agent_plots import AgentPlots, Tested
from callbacks.pictures import log_picture
from episodic.plots.tasks.episode_plots import plot_regret
from episodic.tasks.bandit import Bandit
from episodic.tasks.players import PLAYERS, Play, play_block

CLASSICAL = {"random": "random", "ucb1": "UCB1", "thompson": "Thompson", "gittins": "Gittins"}


class BanditPlots(AgentPlots):
    """Plot an agent's episodes on a bandit after `test`: the plots of `AgentPlots`, and `regret_by_exposure`.

    It shows the cumulative regret by pull, one line an exposure, beside classical and ideal players (Ritter et al.
    2018, figure 3c).

    Other tasks get no other players, and no regret if they measure none.
    """

    def plot_task(self, tested: Tested) -> None:
        """Plot the regret, if the task measures any."""
        if "regret" not in tested.statistics.measures:
            return
        task, spec = tested.task, tested.block
        classical: dict[str, Tensor] = {}
        ideal: dict[str, Tensor] = {}
        if isinstance(task, Bandit):
            classical = {
                shown: regret_by_pull(play_block(PLAYERS[name], task, spec)) for name, shown in CLASSICAL.items()
            }
            play = play_block(PLAYERS["ideal"], task, spec)
            ideal = {
                f"ideal observer, exposure {exposure}": regret_by_pull(play, spec.exposures == exposure)
                for exposure in (1, 2)
                if bool((spec.exposures == exposure).any())
            }
        log_picture(
            tested.trainer, plot_regret(tested.statistics.regret_by_pull(), classical, ideal), "regret_by_exposure"
        )


def regret_by_pull(play: Play, episodes: Tensor | None = None) -> Tensor:
    """Return the mean regret `[T]` up to and including each pull, of all episodes or of those marked in `[E, B]`."""
    regrets = play.regrets.transpose(1, 2)  # [E, B, T]
    return (regrets.flatten(0, 1) if episodes is None else regrets[episodes]).mean(dim=0).cumsum(dim=0)
