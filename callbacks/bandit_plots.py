"""Pictures of a bandit agent: regret by pull and exposure, the training curve, the reinstatement gate."""

import csv
from pathlib import Path
from typing import cast

import numpy as np
import pytorch_lightning as pl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from callbacks.figures import keeps_files, save_figure
from episodic.metrics.episode_statistics import EpisodeStatistics
from episodic.plots.style import new_figure
from episodic.tasks.bandit import Bandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.players import PLAYERS, Play, play_block

CLASSICAL = {"random": "random", "ucb1": "UCB1", "thompson": "Thompson", "gittins": "Gittins"}
IDEAL = {"ideal_without_memory": "ideal without memory", "ideal": "ideal observer"}


class BanditPlots(pl.Callback):
    """After `test` draws, into the run's `figures/` and TensorBoard:

    - `regret_by_exposure`: cumulative regret by pull, a line an exposure, with classical and ideal players
      (Ritter et al. 2018, figure 3c);
    - `reward_by_exposure`: episode reward by exposure beside the ideal observer's;
    - `training_curve`: reward over training episodes, with chance, L2RL at its best (the ideal observer that forgets,
      which bounds every agent without memory) and the ideal observer;
    - `reinstatement_gate`: mean r-gate by pull and exposure, where the agent has one.

    Args:
        player_environments: environments in which the other players play for the comparison.
    """

    def __init__(self, player_environments: int = 128) -> None:
        super().__init__()
        self.player_environments = player_environments

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not keeps_files(trainer):
            return
        statistics = cast(EpisodeStatistics, pl_module.evaluation.statistics["test"].cpu())  # type: ignore[index]
        task: Bandit = trainer.datamodule.task  # type: ignore[attr-defined]
        spec = narrowed(next(trainer.datamodule.evaluation_blocks("test")), self.player_environments)  # type: ignore[attr-defined]
        plays = {name: play_block(PLAYERS[name], task, spec) for name in (*CLASSICAL, *IDEAL)}
        save_figure(trainer, regret_figure(statistics, plays, spec), "regret_by_exposure")
        save_figure(trainer, reward_figure(statistics, plays, spec), "reward_by_exposure")
        levels = {
            "chance": chance(task),
            "L2RL at its best": mean_reward(plays["ideal_without_memory"]),
            "ideal observer": mean_reward(plays["ideal"]),
        }
        curve = read_curve(Path(trainer.default_root_dir) / "metrics.csv")
        if curve is not None:
            save_figure(trainer, training_figure(curve, levels), "training_curve")
        if statistics.gate.any():
            save_figure(trainer, gate_figure(statistics), "reinstatement_gate")


def narrowed(spec: BlockSpec, environments: int) -> BlockSpec:
    """The first environments of a block."""
    few = slice(environments)
    rules = spec.rules._replace(contexts=spec.rules.contexts[:, few], probabilities=spec.rules.probabilities[few])
    return BlockSpec(spec.cues[:, few], spec.labels[:, few], spec.exposures[:, few], spec.seed, rules)


def chance(task: Bandit) -> float:
    """Expected reward of an episode for who chooses at random."""
    return task.pulls * (task.best + (task.arms - 1) * task.rest) / task.arms


def mean_reward(play: Play) -> float:
    """Mean episode reward of a play."""
    return float(play.rewards.sum(dim=1).mean())


def _by_exposure(values: torch.Tensor, exposures: torch.Tensor, exposure: int) -> torch.Tensor:
    """Mean of `[E, T, B]` values over the episodes of one exposure -> `[T]`."""
    return values.transpose(1, 2)[exposures == exposure].mean(dim=0)


def _agent_means(total: torch.Tensor, statistics: EpisodeStatistics) -> torch.Tensor:
    return total / statistics.count.unsqueeze(1)


def regret_figure(statistics: EpisodeStatistics, plays: dict[str, Play], spec: BlockSpec) -> Figure:
    """Cumulative regret by pull: the agent's exposures, the classical players, the ideal observer."""
    figure = new_figure(8.5, 5.5)
    axes = figure.axes[0]
    regret = statistics.regret_by_pull()
    pulls = np.arange(1, regret.shape[1] + 1)
    for x in range(regret.shape[0]):
        if statistics.count[x] > 0:
            axes.plot(pulls, regret[x], color=_shade(x, regret.shape[0]), label=f"agent, exposure {x + 1}")
    styles = iter(("-", "--", "-.", ":"))
    for name, label in CLASSICAL.items():
        line = plays[name].regrets.mean(dim=(0, 2)).cumsum(dim=0)
        axes.plot(pulls, line, color="0.45", linestyle=next(styles), label=label)
    for exposure, style in ((1, "-"), (2, "--")):
        if (spec.exposures == exposure).any():
            line = _by_exposure(plays["ideal"].regrets, spec.exposures, exposure).cumsum(dim=0)
            axes.plot(pulls, line, color="tab:red", linestyle=style, lw=1, label=f"ideal, exposure {exposure}")
    _label(axes, "pull", "cumulative regret", "Regret within an episode, by exposure to its context")
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def reward_figure(statistics: EpisodeStatistics, plays: dict[str, Play], spec: BlockSpec) -> Figure:
    """Episode reward by exposure: the agent, the ideal observer with and without memory."""
    figure = new_figure(6.5, 4.2)
    axes = figure.axes[0]
    reward = _agent_means(statistics.reward, statistics).sum(dim=1)
    exposures = np.arange(1, len(reward) + 1)
    axes.plot(exposures, reward, "o-", color="tab:blue", label="agent")
    for (name, label), style in zip(IDEAL.items(), (":", "--"), strict=True):
        line = [float(_by_exposure(plays[name].rewards, spec.exposures, int(x)).sum()) for x in exposures]
        axes.plot(exposures, line, color="tab:red", linestyle=style, label=label)
    axes.set_ylim(bottom=0)
    axes.set_xticks(exposures)
    _label(axes, "exposure", "episode reward", "Reward by exposure")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def read_curve(path: Path) -> dict[str, list[tuple[float, float]]] | None:
    """(episodes, reward) of training and validation from a run's `metrics.csv`; None where there is none."""
    if not path.is_file():
        return None
    curve: dict[str, list[tuple[float, float]]] = {"train/reward": [], "val/reward": []}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            for name, points in curve.items():
                if row.get(name):
                    points.append((float(row["step"]), float(row[name])))
    return curve if any(curve.values()) else None


def training_figure(curve: dict[str, list[tuple[float, float]]], levels: dict[str, float]) -> Figure:
    """Reward over training episodes between the given levels."""
    figure = new_figure(7.5, 4.2)
    axes = figure.axes[0]
    for (name, points), style in zip(curve.items(), ("-", "o-"), strict=True):
        if points:
            x, y = zip(*points, strict=True)
            axes.plot(x, y, style, markersize=3, lw=1, alpha=0.6 if style == "-" else 1.0, label=name)
    for (name, level), line in zip(levels.items(), (":", "-.", "--"), strict=True):
        axes.axhline(level, color="0.4", linestyle=line, lw=1, label=f"{name} ({level:.2f})")
    axes.set_ylim(bottom=0)
    _label(axes, "training episodes", "mean episode reward", "Training")
    axes.legend(fontsize=8, loc="lower right")
    return figure


def gate_figure(statistics: EpisodeStatistics) -> Figure:
    """Mean reinstatement gate, pulls across and exposures down."""
    figure = new_figure(6, 4.2)
    axes = figure.axes[0]
    gate = _agent_means(statistics.gate, statistics)
    image = axes.imshow(gate, aspect="auto", cmap="viridis", vmin=0.0)
    axes.set_xticks(range(gate.shape[1]), [str(t + 1) for t in range(gate.shape[1])])
    axes.set_yticks(range(gate.shape[0]), [str(x + 1) for x in range(gate.shape[0])])
    figure.colorbar(image, ax=axes, label="mean r-gate")
    _label(axes, "pull", "exposure", "Reinstatement gate")
    return figure


def _shade(position: int, count: int) -> tuple[float, float, float, float]:
    from matplotlib import colormaps

    red, green, blue, alpha = colormaps["viridis"](0.9 * position / max(count - 1, 1))
    return float(red), float(green), float(blue), float(alpha)


def _label(axes: Axes, x: str, y: str, title: str) -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_title(title, fontsize=10)
