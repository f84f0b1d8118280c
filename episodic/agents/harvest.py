"""What is kept of a block that an agent has played: its states, and what they belong to."""

from collections.abc import Iterable

import torch
from torch import Tensor

from episodic.agents.trajectory import Trajectory
from episodic.networks.core import Core
from episodic.precision import full_precision
from episodic.tasks.blocks import BlockSpec


def harvest_block(trajectories: Iterable[Trajectory], core: Core, spec: BlockSpec) -> dict[str, Tensor]:
    """Harvest a block: `[B, E, ...]`, per step `[B, E, T, ...]`; floating-point numbers in half precision.

    The states are those that the key source `hidden` searches by: what each step would have led to if nothing had been
    reinstated at it.

    Args:
        trajectories: of the block's E episodes, in order.
        core: that they were played with.
        spec: of the block.
    """
    episodes = [_by_step(trajectory, core) for trajectory in trajectories]
    with full_precision(spec.labels.device):  # autocast cannot join half-precision tensors on a CPU
        harvest = {name: torch.stack([episode[name] for episode in episodes]).movedim(2, 0) for name in episodes[0]}
    cues = spec.cues if spec.cues.dim() == 3 else spec.cues[:, 0]  # of those that change, the episode's first
    return {**harvest, "cue": cues.half().transpose(0, 1), "label": spec.labels.T, "exposure": spec.exposures.T}


def _by_step(trajectory: Trajectory, core: Core) -> dict[str, Tensor]:
    """One episode's, `[T, B, ...]`."""
    states = core.candidates(trajectory.tape)
    return {
        "cell": states.cell.half(),
        "hidden": states.hidden.half(),
        "action": trajectory.actions,
        "reward": trajectory.rewards.half(),
    }
