"""Blocks of a task, played step by step from outside: what the Gymnasium environments have in common."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from episodic.errors import InputError, require, require_choice, require_positive
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.task import Episode, Task

UNITS = ("block", "episode")

Floats = NDArray[np.float32]


class BlockPlay:
    """Play blocks of a task in B environments, one step at a time.

    An observation is the vector that the project's agents see, `[last action A | last reward 1 | observation O |
    cue C]`. The last action is one-hot. Last action and last reward are zero at the first step of each episode, and at
    every step of a task that hides its feedback.

    Args:
        task: the rules.
        batch_size: number of environments B.
        unit: what `over` refers to: a whole `block`, or each `episode` of it.
        table: `[rows, C]`, cues that replace the drawings of a task with characters.

    Raises:
        InputError: an unknown unit; a batch size below 1.

    >>> from episodic.tasks.barcode_bandit import BarcodeBandit
    >>> play = BlockPlay(BarcodeBandit(contexts=2, arms=2, exposures=1, pulls=3), batch_size=4)
    >>> play.start(block_seed=0)
    >>> play.observation().shape, play.step(np.zeros(4, dtype=int)).shape
    ((4, 13), (4,))
    """

    def __init__(self, task: Task, batch_size: int, *, unit: str = "block", table: Tensor | None = None) -> None:
        require_positive(num_envs=batch_size)
        require_choice("unit", unit, UNITS)
        self.task, self.batch_size, self.unit, self.table = task, batch_size, unit, table
        self.spec: BlockSpec | None = None
        self.over = True
        self.last_reward = torch.zeros(batch_size)

    def start(self, block_seed: int) -> None:
        """Draw the block of this seed and begin its first episode."""
        spec = self.task.draw_block(self.batch_size, block_seed)
        if self.table is not None and spec.drawings is not None:
            spec = self.task.with_cues(spec, self.table[spec.drawings])
        self.spec, self.luck = spec, self.task.luck(spec)
        self._begin(0)

    @property
    def block(self) -> BlockSpec:
        """The block that is being played; raises `InputError` before the first reset."""
        if self.spec is None:
            raise InputError("the environment has no block yet: call reset() first")
        return self.spec

    @property
    def block_over(self) -> bool:
        """Whether no episode of the block is left to begin; true before the first block."""
        return self.spec is None or self.episode + 1 >= self.spec.episodes

    def next_episode(self) -> None:
        """Begin the next episode of the block."""
        self._begin(self.episode + 1)

    def _begin(self, episode: int) -> None:
        sizes, block = self.task.sizes, self.block
        self.episode, self.t, self.over = episode, 0, False
        self.inputs = torch.zeros(self.task.steps + 1, self.batch_size, sizes.seen_size + self.task.cue_size)
        observation = self.inputs[:, :, sizes.actions + 1 : sizes.seen_size]
        self.game: Episode = self.task.begin(block, episode, self.luck[episode], observation)
        cue = block.cues[episode]
        self.inputs[: len(cue) if cue.dim() == 3 else None, :, sizes.seen_size :] = cue
        self.last_action = torch.full((self.batch_size,), -1)
        self.last_reward = torch.zeros(self.batch_size)

    def step(self, actions: NDArray[np.integer]) -> Floats:
        """Take actions `[B]` and return their rewards `[B]`.

        After the last step of an episode within a block of `unit` block, the next episode begins at once.

        Raises:
            InputError: there is no block; the block, or the episode, is over; no valid actions.
        """
        taken = self._checked(actions)
        require(not self.over, f"the {self.unit} is over: call reset() first")
        index = self.t
        shown = self.inputs[index + 1, :, self.task.actions : self.task.actions + 1]
        reward = shown if self.task.shows_feedback else torch.zeros_like(shown)
        self.game.step(index, taken.unsqueeze(1), reward)
        if self.task.shows_feedback:
            self.inputs[index + 1].scatter_(1, taken.unsqueeze(1), 1.0)
        self.t, self.last_action, self.last_reward = index + 1, taken, reward.squeeze(1).clone()
        rewards: Floats = self.last_reward.numpy().copy()
        if self.t == self.task.steps:
            self.over = self.unit == "episode" or self.block_over
            if not self.over:
                self.next_episode()
        return rewards

    def _checked(self, actions: NDArray[np.integer]) -> Tensor:
        block, array = self.block, np.asarray(actions)
        require(
            array.shape == (block.batch_size,) and np.issubdtype(array.dtype, np.integer),
            f"actions have shape {list(array.shape)} and type {array.dtype}: they must be {block.batch_size} integers",
        )
        require(
            bool(((array >= 0) & (array < self.task.actions)).all()),
            f"actions lie between {array.min()} and {array.max()}: they must lie between 0 and {self.task.actions - 1}",
        )
        return torch.from_numpy(array.astype(np.int64))

    def observation(self) -> Floats:
        """Return what the player sees now, `[B, A + 1 + O + C]`."""
        block = self.block
        seen: Floats = self.inputs[self.t].numpy().reshape(block.batch_size, -1).copy()
        return seen

    def structure(self) -> dict[str, NDArray[np.int64]]:
        """Return where in the block the observation belongs, each `[B]`.

        `episode_index` from 0; `episode_step` from 0, T after the last step; `exposure` from 1; `label`, the identity
        of the context, or of the step's cue where cues change within an episode (-1 for none).
        """
        block, batch = self.block, self.batch_size
        label = block.labels[self.episode]
        if block.query_labels is not None:
            label = block.query_labels[self.episode, min(self.t, self.task.steps - 1)]
        return {
            "episode_index": np.full(batch, self.episode),
            "episode_step": np.full(batch, self.t),
            "exposure": block.exposures[self.episode].numpy().copy(),
            "label": label.numpy().copy(),
        }
