"""The steps of the tasks by native kernels."""

from collections.abc import Callable
from ctypes import Structure
from typing import Any, NamedTuple

import torch
from torch import Tensor

from episodic.native.library import BanditGame, CompositionalGame, MazeGame, PayoffsGame, TwoStepGame
from episodic.tasks.bandit import BanditEpisode
from episodic.tasks.compositional.rules import CompositionalEpisode
from episodic.tasks.task import Episode
from episodic.tasks.two_step import TwoStepEpisode
from episodic.tasks.water_maze import MazeEpisode


class NativeGame(NamedTuple):
    """An episode of a task for the kernels: the function that takes a step, and what it reads and writes."""

    step: str
    structure: Structure
    tensors: tuple[Tensor, ...]  # that the structure points into


def native_game(game: Episode) -> NativeGame | None:
    """Return an episode for the kernels; None for a task that they do not know, unless it has `payoffs`."""
    if (build := GAMES.get(type(game))) is not None:
        return build(game)
    payoffs = getattr(game, "payoffs", None)
    if payoffs is None:
        return None
    payoffs = payoffs.to(torch.float32).contiguous()
    return NativeGame("payoffs_step", PayoffsGame(payoffs.shape[-1], payoffs.data_ptr()), (payoffs,))


def _bandit(game: BanditEpisode) -> NativeGame:
    rules = game.rules
    tensors = (
        *_dense(torch.long, rules.contexts[game.episode]),
        *_dense(torch.float32, rules.probabilities, game.luck),
    )
    return NativeGame("bandit_step", BanditGame(*rules.probabilities.shape[1:], *_addresses(tensors)), tensors)


def _compositional(game: CompositionalEpisode) -> NativeGame:
    positions = _dense(torch.long, game.good, game.attended)
    tensors = positions + _dense(torch.float32, game.rules.probabilities, game.luck)
    return NativeGame("compositional_step", CompositionalGame(*_addresses(tensors)), tensors)


def _maze(game: MazeEpisode) -> NativeGame:
    rules = game.rules
    tensors = (
        *_dense(torch.long, rules.moves, game.goal, game.targets),
        *_dense(torch.float32, rules.coordinates),
        *(game.positions, game.reached),
    )
    return NativeGame("maze_step", MazeGame(rules.moves.shape[1], *_addresses(tensors)), tensors)


def _two_step(game: TwoStepEpisode) -> NativeGame:
    rules = game.rules
    tensors = (
        *_dense(torch.bool, rules.uncommon),
        *_dense(torch.float32, rules.pays),
        *_dense(torch.long, rules.cued),
        *(game.chosen, game.states, game.rewards),
    )
    return NativeGame("two_step_step", TwoStepGame(game.per_trial, *_addresses(tensors)), tensors)


#: How episodes are prepared; subclasses with other rules are not included.
GAMES: dict[type, Callable[[Any], NativeGame]] = {
    BanditEpisode: _bandit,
    CompositionalEpisode: _compositional,
    MazeEpisode: _maze,
    TwoStepEpisode: _two_step,
}


def _dense(dtype: torch.dtype, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors of this type with their numbers side by side, which most are already."""
    return tuple(tensor.to(dtype).contiguous() for tensor in tensors)


def _addresses(tensors: tuple[Tensor, ...]) -> list[int]:
    return [tensor.data_ptr() for tensor in tensors]
