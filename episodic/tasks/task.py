"""The task interface: everything that a rollout, an agent or a data module needs to know about a task."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from episodic.tasks.blocks import BlockSpec, seeded


class Schedule(NamedTuple):
    """The steps of an episode at which the memory is read and written."""

    reads: tuple[bool, ...]  # T entries; a read precedes the step
    writes: tuple[bool, ...]  # T entries; a write follows the step

    @classmethod
    def whole_episode(cls, steps: int) -> "Schedule":
        """Read at every step and write once, after the last.

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
    writes: int = 1  # keys that one episode writes

    @property
    def seen_size(self) -> int:
        """Length of what a core sees besides the cue: last action, last reward, observation."""
        return self.actions + 1 + self.observation_size


class Episode(Protocol):
    """One episode of a block, played in B environments at once.

    Where actions change nothing but the reward, an episode may also have `payoffs`, `[T, B, A]`: the reward of every
    action at every step. It is then played faster on a CPU.
    """

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Carry out the actions of step t: write the reward, and the observation of step t + 1, in place.

        Shapes: action `[B, 1]` long, reward `[B, 1]`.
        """
        ...

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return the task's own measures of the actions `[T, B]` by name, each `[T, B]` or `[B]`.

        NaN stands where a measure does not apply. Metrics sum a measure over the steps of an episode and average over
        the episodes to which it applies. Plots know the name `regret`.
        """
        ...


class Task(ABC):
    """A task whose contexts return: blocks of E episodes of T steps, in B independent environments.

    The block's seed decides everything that no player can influence. So all players of a block face the same
    contexts and the same luck. An `Episode` keeps only the state that depends on the actions.
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
        """Number of distinct labels; labels are integers below it."""

    # Read-only properties, so that a subclass may also declare them as plain fields.

    @property
    def exposures(self) -> int:
        """Largest exposure that metrics report separately."""
        return 1

    @property
    def observation_size(self) -> int:
        """Length O of an observation; 0 if the agent sees only cue, action and reward."""
        return 0

    @property
    def schedule(self) -> Schedule:
        """Steps at which the memory is read and written."""
        return Schedule.whole_episode(self.steps)

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the measures that `Episode.measures` returns."""
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
        """Whether a block names drawings, which the agent turns into cues."""
        return False

    @property
    def shows_feedback(self) -> bool:
        """Whether the agent sees its last action and reward."""
        return True

    @property
    def chance(self) -> float | None:
        """Expected reward of an episode under random actions; None if unknown."""
        return None

    @property
    def sizes(self) -> TaskSizes:
        """The sizes that an agent for this task is built for.

        >>> from episodic.tasks.barcode_bandit import BarcodeBandit
        >>> BarcodeBandit(contexts=12, bits=20).sizes
        TaskSizes(actions=10, observation_size=0, cue_size=20, label_count=12, steps=10, episodes=120, writes=1)
        """
        writes = sum(self.schedule.writes) * self.keys_per_write
        return TaskSizes(
            self.actions, self.observation_size, self.cue_size, self.label_count, self.steps, self.episodes, writes
        )

    def schedule_of(self, episode: int) -> Schedule:
        """Steps of one episode of a block at which the memory is read and written: by default the same in all."""
        return self.schedule

    @abstractmethod
    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""

    def with_cues(self, spec: BlockSpec, cues: Tensor) -> BlockSpec:
        """Return the block with cues `[E, B, C]` or `[E, T, B, C]` that were made of its drawings.

        A task that searches or stores by other keys than the step's cue fills in `queries` and `keys` here, too.
        """
        return spec._replace(cues=cues)

    @abstractmethod
    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> Episode:
        """Begin an episode of a block.

        Args:
            spec: Block, on the device of the player.
            episode: Index of the episode, from 0.
            luck: `[T, B]`, the episode's part of `self.luck(spec)`.
            observation: `[T + 1, B, O]` zeros. This method writes `observation[0]`, and later entries that no action
                can change.
        """

    def luck(self, spec: BlockSpec) -> Tensor:
        """Draw the uniform numbers `[E, T, B]` that decide the block's chance events, the same for every player."""
        device = spec.labels.device
        return torch.rand(
            spec.episodes, self.steps, spec.batch_size, generator=seeded(spec.seed, 1, device), device=device
        )

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor | None:
        """Return the rewards `[E, T, B]` of the ideal player on this block with the same luck; None if unknown.

        Without `memory` the player forgets everything between episodes.
        """
        return None

    def ideal(self, spec: BlockSpec) -> Tensor | None:
        """Return the summed reward `[]` of the ideal player on this block with the same luck; None if unknown."""
        rewards = self.ideal_rewards(spec)
        return None if rewards is None else rewards.sum()
