"""The task seam: what a rollout needs from a task, and nothing else."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec, seeded


class Schedule(NamedTuple):
    """The steps of an episode at which the memory is read and written."""

    reads: tuple[bool, ...]  # T entries
    writes: tuple[bool, ...]  # T entries; a write follows the step

    @classmethod
    def whole_episode(cls, steps: int) -> "Schedule":
        """Reads at every step, one write at the end.

        >>> Schedule.whole_episode(3)
        Schedule(reads=(True, True, True), writes=(False, False, True))
        """
        return cls((True,) * steps, (False,) * (steps - 1) + (True,))

    @property
    def writes_inside(self) -> bool:
        """Whether the memory is also written before the last step."""
        return any(self.writes[:-1])


class TaskSizes(NamedTuple):
    """The sizes that an agent is built for."""

    actions: int
    observation_size: int
    cue_size: int
    label_count: int
    steps: int
    episodes: int
    writes: int = 1  # keys that an episode writes

    @property
    def seen_size(self) -> int:
        """Length of what a core sees besides the cue: last action, last reward, observation."""
        return self.actions + 1 + self.observation_size


class Episode(Protocol):
    """One episode of a block, played by B environments at once."""

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Carry out the actions of step t and fill in the reward, and the observation of step t + 1, in place.

        Shapes: action `[B, 1]` long, reward `[B, 1]`.
        """
        ...

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return what the task measures beyond reward, for actions `[T, B]`: `[T, B]` or `[B]` each, by name.

        `regret` is what plots and metrics know by itself; other names are logged as means.
        """
        ...


class Task(ABC):
    """A task that comes back: blocks of E episodes of T steps, in B independent environments.

    Everything that a player cannot change is drawn with the block, from its seed, so that all players of a block are
    paired. Only positions, stages and remembered outcomes live in the episode.
    """

    @property
    @abstractmethod
    def actions(self) -> int:
        """Number of actions A."""

    @property
    @abstractmethod
    def steps(self) -> int:
        """Steps T in an episode."""

    @property
    @abstractmethod
    def episodes(self) -> int:
        """Episodes E in a block."""

    @property
    @abstractmethod
    def cue_size(self) -> int:
        """Length C of a cue."""

    @property
    @abstractmethod
    def label_count(self) -> int:
        """Number of distinct labels; labels lie below it."""

    # Read-only properties here, so that a subclass may also make them plain fields.

    @property
    def exposures(self) -> int:
        """Largest exposure that metrics tell apart."""
        return 1

    @property
    def observation_size(self) -> int:
        """Length O of an observation, 0 where reward and cue are all there is to see."""
        return 0

    @property
    def schedule(self) -> Schedule:
        """When the memory is read and written."""
        return Schedule.whole_episode(self.steps)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of what an episode measures beyond reward, see `Episode.measures`."""
        return ()

    @property
    def keys_per_write(self) -> int:
        """Number W of keys that one write stores."""
        return 1

    @property
    def fixed_labels(self) -> bool:
        """Whether a label means the same context in every block."""
        return False

    @property
    def shows_drawings(self) -> bool:
        """Whether a block names drawings, from which the agent makes the cues."""
        return False

    @property
    def chance(self) -> float | None:
        """Expected reward of an episode under random actions, where it is known."""
        return None

    @property
    def sizes(self) -> TaskSizes:
        """What an agent for this task is built from."""
        writes = sum(self.schedule.writes) * self.keys_per_write
        return TaskSizes(
            self.actions, self.observation_size, self.cue_size, self.label_count, self.steps, self.episodes, writes
        )

    @abstractmethod
    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments, on the CPU: a pure function of its arguments."""

    @abstractmethod
    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> Episode:
        """Begin an episode of a block.

        Args:
            spec: of the block, on the device that plays.
            episode: its number, from 0.
            luck: `[T, B]`, this episode's part of `luck(spec)`.
            observation: `[T + 1, B, O]` zeros; this method fills in `observation[0]` and whatever else is known.
        """

    def luck(self, spec: BlockSpec) -> Tensor:
        """Uniform numbers `[E, T, B]` that decide the block's chance events, the same for every player."""
        device = spec.labels.device
        return torch.rand(
            spec.episodes, self.steps, spec.batch_size, generator=seeded(spec.seed, 1, device), device=device
        )

    def ideal(self, spec: BlockSpec) -> Tensor | None:
        """Summed reward `[]` of the ideal player on the same block and luck; None where it is not known."""
        return None
