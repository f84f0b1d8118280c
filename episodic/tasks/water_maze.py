"""The contextual water maze: a goal on a grid that must be found again in every context.

A block has `contexts` contexts, each with a barcode and a goal cell; a bag gives every context `exposures` episodes in
random order. An episode is `length` steps on a grid of `width` x `height` cells. The agent observes its coordinates and
moves left, right, up or down; walls keep it in place. Entering the goal pays 1 and moves the agent at once to a random
other cell. An episode starts in a random cell that is not the goal.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.tasks.barcodes.cues import BarcodeCues
from episodic.tasks.blocks import BlockSpec, count_exposures, seeded, shuffled_bag
from episodic.tasks.maze_search import MOST_CELLS, MazePolicy, Moves, maze_policy

#: Step of each action on the grid, (x, y): left, right, up, down.
DIRECTIONS = ((-1, 0), (1, 0), (0, -1), (0, 1))


class MazeRules(NamedTuple):
    """The rules of a block with C contexts on N cells; cell `y * width + x` lies in column x and row y."""

    contexts: Tensor  # [E, B] long
    goals: Tensor  # [B, C] long, cell of each context's goal
    starts: Tensor  # [E, B] long, cell in which an episode starts
    moves: Tensor  # [N, A] long, cell that an action leads to
    coordinates: Tensor  # [N, 2], x and y between -1 and 1

    def goal(self, episode: int) -> Tensor:
        """Return the goal cell of an episode, `[B]` long."""
        return self.goals.gather(1, self.contexts[episode].unsqueeze(1)).squeeze(1)


class MazeEpisode:
    """One episode in the maze.

    Args:
        rules: of the block.
        episode: its number.
        targets: `[T, B]` long, the cell that a jump at each step leads to.
        observation: `[T + 1, B, 2]`, to be filled with coordinates.
    """

    def __init__(self, rules: MazeRules, episode: int, targets: Tensor, observation: Tensor) -> None:
        self.rules, self.targets, self.observation = rules, targets, observation
        self.goal, self.position = rules.goal(episode), rules.starts[episode]
        steps, batch = targets.shape
        self.positions = self.position.new_empty(steps + 1, batch)  # before each step
        self.positions[0] = self.position
        self.reached = torch.zeros(steps, batch, dtype=torch.bool, device=targets.device)
        observation[0] = rules.coordinates[self.position]

    def step(self, t: int, action: Tensor, reward: Tensor) -> None:
        """Move by actions `[B, 1]`; write the reward `[B, 1]` and the next coordinates in place."""
        entered = self.rules.moves[self.position, action.squeeze(1)]
        reached = torch.eq(entered, self.goal, out=self.reached[t])
        reward.copy_(reached.unsqueeze(1))
        self.position = torch.where(reached, self.targets[t], entered, out=self.positions[t + 1])
        self.observation[t + 1] = self.rules.coordinates[self.position]

    def measures(self, actions: Tensor) -> dict[str, Tensor]:
        """Return `steps_to_goal` `[B]`: the steps up to the first goal; one more than there are if it is not reached.

        `found` `[B]` is whether the goal was reached at all.
        """
        found = self.reached.any(dim=0)
        first = torch.where(found, self.reached.int().argmax(dim=0), len(self.reached))
        return {"steps_to_goal": first + 1.0, "found": found.float()}


@dataclass(frozen=True)
class WaterMaze(BarcodeCues):
    """A maze whose goals return with their contexts (Ritter et al. 2018, experiment 4).

    Args:
        width: Columns of the grid.
        height: Rows of the grid.
        length: Steps T in an episode.
        contexts: Number of contexts C in a block.
        exposures: Episodes of each context in a block.
        bits: Length of a barcode.
        noise: Fraction of the bits of an episode's cue that are flipped, redrawn for each episode.
        vocabulary: Number of fixed barcodes from which every block draws its contexts; their numbers are the labels.
            None draws new barcodes for each block.
        vocabulary_seed: Seed of the fixed barcodes.
        distinct_goals: Whether the goals of a block are drawn without replacement.
        jump_to_goal: Whether the jump from a goal may lead to the goal itself, rather than to another cell.

    Raises:
        InputError: A number is below 1; fewer than two cells; more distinct goals than cells; not enough barcodes.

    >>> task = WaterMaze(contexts=3, exposures=2)
    >>> spec = task.draw_block(batch_size=4, seed=0)
    >>> spec.cues.shape, spec.rules.goals.shape
    (torch.Size([6, 4, 10]), torch.Size([4, 3]))
    """

    width: int = 4
    height: int = 4
    length: int = 20
    contexts: int = 10
    exposures: int = 10
    bits: int = 10
    noise: float = 0.0
    vocabulary: int | None = None
    vocabulary_seed: int = 0
    distinct_goals: bool = False
    jump_to_goal: bool = False

    def __post_init__(self) -> None:
        require_positive(width=self.width, height=self.height, length=self.length)
        require_positive(contexts=self.contexts, exposures=self.exposures)
        require(self.cells >= 2, f"width is {self.width} and height is {self.height}: a maze needs at least two cells")
        self.check_barcodes()
        require(
            not self.distinct_goals or self.contexts <= self.cells,
            f"contexts is {self.contexts}: there are only {self.cells} cells for distinct goals",
        )

    @property
    def cells(self) -> int:
        """Number of cells N."""
        return self.width * self.height

    @property
    def actions(self) -> int:
        return len(DIRECTIONS)

    @property
    def steps(self) -> int:
        return self.length

    @property
    def episodes(self) -> int:
        return self.contexts * self.exposures

    @property
    def observation_size(self) -> int:
        return 2

    @property
    def measures(self) -> tuple[str, ...]:
        return ("steps_to_goal", "found")

    @property
    def chance(self) -> float:
        moves = torch.tensor(self.moves())
        value = torch.zeros(self.cells, self.cells, dtype=torch.float64)  # [goal, position]
        goals = torch.arange(self.cells).view(-1, 1, 1)
        for _ in range(self.length):
            jump = value @ self._jumps().T  # [goal, goal]
            entered = torch.where(moves == goals, 1 + jump.diagonal().view(-1, 1, 1), value[:, moves])
            value = entered.mean(dim=2)
        return float(value[~torch.eye(self.cells, dtype=torch.bool)].mean())

    def _jumps(self) -> Tensor:
        """The probability of each cell after a jump, by goal, `[N, N]`."""
        reached = torch.ones(self.cells, self.cells, dtype=torch.float64)
        if not self.jump_to_goal:
            reached -= torch.eye(self.cells, dtype=torch.float64)
        return reached / reached.sum(dim=1, keepdim=True)

    def moves(self) -> Moves:
        """Return the cell that each action leads to, for each cell."""
        rows = []
        for cell in range(self.cells):
            y, x = divmod(cell, self.width)
            ends = [
                (min(max(x + dx, 0), self.width - 1), min(max(y + dy, 0), self.height - 1)) for dx, dy in DIRECTIONS
            ]
            rows.append(tuple(y * self.width + x for x, y in ends))
        return tuple(rows)

    def _coordinates(self) -> Tensor:
        """The coordinates of each cell, `[N, 2]`, from -1 to 1."""
        cell = torch.arange(self.cells)
        x, y = cell % self.width, cell // self.width
        sides = torch.tensor([max(self.width - 1, 1), max(self.height - 1, 1)])
        return 2 * torch.stack([x, y], dim=1) / sides - 1

    def draw_block(self, batch_size: int, seed: int) -> BlockSpec:
        """Draw a block for B environments on the CPU: a pure function of its arguments."""
        generator = seeded(seed, 0)
        order = shuffled_bag(batch_size, self.contexts, self.exposures, generator)
        goals = torch.randint(self.cells, (batch_size, self.contexts), generator=generator)
        if self.distinct_goals:
            goals = torch.rand(batch_size, self.cells, generator=generator).argsort(dim=1)[:, : self.contexts]
        other = torch.randint(1, self.cells, order.shape, generator=generator)
        starts = (goals.gather(1, order) + other) % self.cells
        identities = self.draw_identities(batch_size, generator)
        contexts = order.T.contiguous()
        cues = self.with_noise(self.draw_cues(contexts, identities, generator), seed)
        rules = MazeRules(contexts, goals, starts.T.contiguous(), torch.tensor(self.moves()), self._coordinates())
        labels = identities.gather(1, order).T.contiguous()
        return BlockSpec(cues, labels, count_exposures(order).T.contiguous(), seed, rules)

    def begin(self, spec: BlockSpec, episode: int, luck: Tensor, observation: Tensor) -> MazeEpisode:
        """Begin an episode in its first cell."""
        return MazeEpisode(spec.rules, episode, self._targets(luck, spec.rules.goal(episode)), observation)

    def _targets(self, luck: Tensor, goal: Tensor) -> Tensor:
        """The cells `[T, B]` that jumps from the goals `[B]` lead to."""
        if self.jump_to_goal:
            return (luck * self.cells).long().clamp_max(self.cells - 1)
        other = (luck * (self.cells - 1)).long().clamp_max(self.cells - 2)
        return (goal + 1 + other) % self.cells

    def policy(self) -> MazePolicy | None:
        """Return the optimal policy; None for mazes with too many cells to compute it."""
        return maze_policy(self.moves(), self.length, self.jump_to_goal) if self.cells <= MOST_CELLS else None

    def ideal_rewards(self, spec: BlockSpec, *, memory: bool = True) -> Tensor | None:
        """Return the rewards `[E, T, B]` of the optimal player; without memory it forgets between episodes."""
        policy = self.policy()
        if policy is None:
            return None
        rules, luck, device = spec.rules, self.luck(spec), spec.labels.device
        known_policy, search_policy = policy.known.to(device), policy.searching.to(device)
        rows = torch.arange(spec.batch_size, device=device)
        found = torch.zeros(spec.batch_size, self.contexts, dtype=torch.bool, device=device)
        excluded = torch.zeros(spec.batch_size, self.contexts, dtype=torch.long, device=device)
        rewards = torch.zeros(luck.shape, device=device)
        for episode in range(spec.episodes):
            context, position, goal = rules.contexts[episode], rules.starts[episode], rules.goal(episode)
            targets = self._targets(luck[episode], goal)
            if not memory:
                found, excluded = torch.zeros_like(found), torch.zeros_like(excluded)
            is_known, cells = found[rows, context], excluded[rows, context] | (1 << position)
            if self.distinct_goals:  # a goal of another context is no goal here
                cells = cells | (found.long() << rules.goals).sum(dim=1)
            for t in range(self.length):
                left = self.length - t - 1
                action = torch.where(
                    is_known, known_policy[left, goal, position], search_policy[left, cells, position]
                ).long()
                position = rules.moves[position, action]
                reached = position == goal
                rewards[episode, t] = reached
                is_known, cells = is_known | reached, cells | (~reached).long() << position
                position = torch.where(reached, targets[t], position)
            found[rows, context], excluded[rows, context] = is_known, cells
        return rewards
