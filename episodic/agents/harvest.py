"""What is kept of a block that an agent has played: its states, and what they belong to."""

from collections.abc import Iterable

import torch
from torch import Tensor

from episodic.agents.rollout import Trajectory
from episodic.networks.episodic_lstm import EpisodicLSTMCell
from episodic.tasks.blocks import BlockSpec


def harvest_block(trajectories: Iterable[Trajectory], cell: EpisodicLSTMCell, spec: BlockSpec) -> dict[str, Tensor]:
    """A harvest of the block, `[B, E, ...]`, that of each pull `[B, E, T, ...]`; numbers in half precision.

    The states are those that the key source `hidden` searches with: what each pull would have led to if nothing had
    been reinstated at it.

    Args:
        trajectories: of the block's E episodes, in order.
        cell: that they were played with.
        spec: of the block.
    """
    episodes = [_of_pulls(trajectory, cell) for trajectory in trajectories]
    harvest = {name: torch.stack([episode[name] for episode in episodes]).movedim(2, 0) for name in episodes[0]}
    of_episodes = {"cue": spec.cues.half(), "label": spec.labels, "exposure": spec.exposures}
    return harvest | {name: part.transpose(0, 1) for name, part in of_episodes.items()}


def _of_pulls(trajectory: Trajectory, cell: EpisodicLSTMCell) -> dict[str, Tensor]:
    """One episode's, `[T, B, ...]`."""
    states = cell.candidates(trajectory.gates, trajectory.cells)
    return {
        "cell": states.cell.half(),
        "hidden": states.hidden.half(),
        "action": trajectory.actions,
        "reward": trajectory.rewards.half(),
    }
