"""The harvest of a block that an agent has played: its states and their labels."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.agents.trajectory import Trajectory
from episodic.networks.core import Core
from episodic.precision import full_precision
from episodic.tasks.blocks import BlockSpec, count_exposures
from episodic.tasks.task import Task


def harvest_block(task: Task, trajectories: Iterable[Trajectory], core: Core, spec: BlockSpec) -> dict[str, Tensor]:
    """Harvest a block: `[B, E, ...]`, per step `[B, E, T, ...]`; floating-point numbers in half precision.

    The states are those that the key source `hidden` searches by: what each step would have led to if nothing had been
    reinstated at it.

    A block whose reads have their own labels (`query_labels`) has no context for a whole episode. Then each meeting
    with a context counts as an episode of one step: each labelled read, and each key that is written. State, action and
    reward are those of the step, label and cue those of the read or of the key.

    Args:
        task: the rules.
        trajectories: of the block's E episodes, in order.
        core: that they were played with.
        spec: of the block.
    """
    episodes = [_by_step(trajectory, core) for trajectory in trajectories]
    with full_precision(spec.labels.device):  # autocast cannot join half-precision tensors on a CPU
        harvest = {name: torch.stack([episode[name] for episode in episodes]).movedim(2, 0) for name in episodes[0]}
    if spec.query_labels is not None:
        return _by_meeting(harvest, list(_meetings(task, spec, spec.query_labels)))
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


class Meeting(NamedTuple):
    """A step at which every environment meets a context."""

    episode: int
    step: int
    label: Tensor  # [B] long
    cue: Tensor  # [B, C]


def _by_meeting(harvest: dict[str, Tensor], meetings: list[Meeting]) -> dict[str, Tensor]:
    """Pick M meetings `[B, M, 1, ...]` out of a harvest `[B, E, T, ...]`; exposures count a context's meetings."""
    episodes, steps = [meeting.episode for meeting in meetings], [meeting.step for meeting in meetings]
    labels = torch.stack([meeting.label for meeting in meetings], dim=1)
    return {
        **{name: values[:, episodes, steps].unsqueeze(2) for name, values in harvest.items()},
        "cue": torch.stack([meeting.cue for meeting in meetings], dim=1).half(),
        "label": labels,
        "exposure": count_exposures(labels),
    }


def _meetings(task: Task, spec: BlockSpec, labels: Tensor) -> Iterator[Meeting]:
    """The block's meetings in order; a read without a label, of labels `[E, T, B]`, in some environment is none."""
    queries = spec.cues if spec.queries is None else spec.queries
    for episode in range(spec.episodes):
        schedule, number = task.schedule_of(episode), 0
        for t in range(task.steps):
            if schedule.reads[t] and bool((labels[episode, t] >= 0).all()):
                yield Meeting(episode, t, labels[episode, t], _at_step(queries[episode], t))
            if schedule.writes[t]:
                yield from _keys(task, spec, episode, t, number)
                number += 1


def _keys(task: Task, spec: BlockSpec, episode: int, t: int, number: int) -> Iterator[Meeting]:
    """The keys of the episode's write of this number, at step t."""
    for key in range(task.keys_per_write):
        label, cue = spec.labels[episode], _at_step(spec.cues[episode], t)
        if spec.key_labels is not None:
            label = _at_write(spec.key_labels[episode], task.steps, t, number)[:, key]
        if spec.keys is not None:
            cue = _at_write(spec.keys[episode], task.steps, t, number)[:, key]
        yield Meeting(episode, t, label, cue)


def _at_step(parts: Tensor, t: int) -> Tensor:
    """The entry `[B, C]` of step t, of `[B, C]` or `[1 or T, B, C]`."""
    return parts if parts.dim() == 2 else parts[min(t, len(parts) - 1)]


def _at_write(parts: Tensor, steps: int, t: int, number: int) -> Tensor:
    """The entry of a write, of `[1, N or T, ...]`: one for all, one for each of N writes, or one for each step."""
    return parts[0 if len(parts) == 1 else t if len(parts) == steps else number]
