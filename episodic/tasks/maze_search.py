"""The optimal player of a small maze: where to go while the goal is unknown, and once it is known.

The player knows a set S of cells that are not the goal; any other cell is equally likely to be it. With k steps left
at cell p, moving to cell q has the value

    U_k(S, p -> q) = U_{k-1}(S, q)                                                 if q is in S,
                     (1 + J_{k-1}(q)) / m + (1 - 1 / m) U_{k-1}(S + {q}, q)        otherwise,

with m cells outside S, and J_k(g) the mean of the values V_k(g, j) over the cells j that a jump from goal g may reach.
V_k(g, p) is the value of a known goal: the best over moves to q of 1 + J_{k-1}(g) if q = g, and of V_{k-1}(g, q)
otherwise.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: The search keeps a value for every set of cells.
MOST_CELLS = 16

Moves = tuple[tuple[int, ...], ...]


class MazePolicy(NamedTuple):
    """The best action, by the number of steps left k (index k - 1) of T, in a maze of N cells."""

    known: Tensor  # [T, N, N] uint8, by goal and position
    searching: Tensor  # [T, 2^N, N] uint8, by the set of cells that are not the goal (as bits) and position
    known_value: float  # expected reward of an episode whose goal is known from the start
    search_value: float  # expected reward of an episode whose goal is unknown


@lru_cache(maxsize=4)
def maze_policy(moves: Moves, steps: int, jump_to_goal: bool) -> MazePolicy:
    """Compute the optimal policy of a maze by dynamic programming.

    Args:
        moves: for each of N cells, the cell that each action leads to.
        steps: Steps T in an episode.
        jump_to_goal: Whether a jump may lead to the goal itself.

    >>> policy = maze_policy(((0, 1), (0, 2), (1, 2)), steps=4, jump_to_goal=False)  # a corridor of three cells
    >>> policy.searching.shape
    torch.Size([4, 8, 3])
    """
    to = np.array(moves)
    jumps = _jumps(len(to), jump_to_goal)
    values = _known_values(to, jumps, steps)
    known = np.stack([_known_choice(to, jumps, before)[1] for before in values[:-1]])
    searching, first = _search(to, jumps, values, steps)
    cells = len(to)
    starts = ~np.eye(cells, dtype=bool)  # [goal, start]
    return MazePolicy(
        torch.from_numpy(known.astype(np.uint8)),
        torch.from_numpy(searching),
        float(values[-1][starts].mean()),
        float(first[1 << np.arange(cells), np.arange(cells)].mean()),
    )


def _jumps(cells: int, to_goal: bool) -> NDArray[np.float64]:
    """The probability of each cell after a jump, by goal, `[N, N]`."""
    reached = np.ones((cells, cells)) if to_goal else 1 - np.eye(cells)
    shares: NDArray[np.float64] = reached / reached.sum(axis=1, keepdims=True)
    return shares


def _known_choice(
    to: NDArray[np.int64], jumps: NDArray[np.float64], before: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Value `[N, N]` (goal, position) and best action with one step more than `before` has."""
    goals = np.arange(len(to))
    jump = 1 + (jumps * before).sum(axis=1)  # [N], by goal
    options = np.where(to[None] == goals[:, None, None], jump[:, None, None], before[:, to])  # [goal, position, action]
    return options.max(axis=2), options.argmax(axis=2)


def _known_values(to: NDArray[np.int64], jumps: NDArray[np.float64], steps: int) -> list[NDArray[np.float64]]:
    """Values `[N, N]` by goal and position, with 0 to T steps left."""
    values = [np.zeros((len(to), len(to)))]
    for _ in range(steps):
        values.append(_known_choice(to, jumps, values[-1])[0])
    return values


def _search(
    to: NDArray[np.int64], jumps: NDArray[np.float64], values: list[NDArray[np.float64]], steps: int
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Best actions `[T, 2^N, N]` while the goal is unknown, and the values `[2^N, N]` with all steps left."""
    cells, actions = to.shape
    sets = np.arange(1 << cells)
    unknown = cells - np.array([int(s).bit_count() for s in sets])
    chance = 1 / np.maximum(unknown, 1)
    best = np.zeros((steps, len(sets), cells), dtype=np.uint8)
    before = np.zeros((len(sets), cells))
    for k in range(steps):
        jump = 1 + (jumps * values[k]).sum(axis=1)
        after = np.empty_like(before)
        for p in range(cells):
            options = np.empty((actions, len(sets)))
            for a in range(actions):
                q = to[p, a]
                excluded = (sets >> q) & 1 == 1
                entered = chance * jump[q] + (1 - chance) * before[sets | (1 << q), q]
                options[a] = np.where(excluded, before[:, q], entered)
            best[k, :, p], after[:, p] = options.argmax(axis=0), options.max(axis=0)
        before = after
    return best, before
