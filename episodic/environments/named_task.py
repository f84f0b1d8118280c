"""Tasks by name, and the drawings that tasks of characters show."""

from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

import episodic.tasks
from episodic.drawings.handwriting import generated_classes
from episodic.environments.registration import ENVIRONMENTS
from episodic.errors import InputError, require, require_choice
from episodic.tasks.drawing_task import DrawingTask
from episodic.tasks.task import Task

#: Characters, drawings of each and pixels along a side of the generated drawings.
CHARACTERS, DRAWINGS, SIZE = 50, 20, 28


def named_task(name: str, arguments: dict[str, Any]) -> Task:
    """Make a task of `episodic.tasks` by its name.

    Raises:
        InputError: There is no such task, or it has no such argument.

    >>> named_task("BarcodeBandit", {"bits": 20}).cue_size
    20
    """
    require_choice("task", name, ENVIRONMENTS)
    task_class = getattr(episodic.tasks, name)
    known = [field.name for field in fields(task_class)]
    for argument, value in arguments.items():
        require(argument in known, f"{argument} is {value!r}: {name} has no such argument, but {', '.join(known)}")
    task: Task = task_class(**arguments)
    return task


def with_drawings(task: Task, drawings: ArrayLike | Tensor | None) -> tuple[Task, Tensor | None]:
    """Give a task of characters the drawings that it shows; other tasks have none.

    Args:
        task: any task.
        drawings: `[characters, drawings of each, C]`, pixels or embeddings; None: generated handwriting.

    Returns:
        The task for these drawings, and their table `[characters * drawings, C]`, or None if it shows none.

    Raises:
        InputError: The task shows no drawings, or they have another shape.
    """
    if not (isinstance(task, DrawingTask) and task.shows_drawings):
        require(drawings is None, f"drawings are given, but {type(task).__name__} shows none")
        return task, None
    table = generated_drawings(max(CHARACTERS, task.shown)) if drawings is None else _as_table(drawings)
    characters, each, size = table.shape
    return replace(task, characters=characters, drawings=each, pixels=size), table.flatten(0, 1)


def _as_table(drawings: ArrayLike | Tensor) -> Tensor:
    try:
        table = torch.as_tensor(np.asarray(drawings, dtype=np.float32))
    except (TypeError, ValueError) as error:
        raise InputError("drawings must be an array of numbers [characters, drawings of each, C]") from error
    require(
        table.dim() == 3 and table.numel() > 0,
        f"drawings has shape {list(table.shape)}: it must be [characters, drawings of each, C]",
    )
    return table


@lru_cache(maxsize=2)
def generated_drawings(characters: int) -> Tensor:
    """Draw generated handwriting -> `[characters, DRAWINGS, SIZE * SIZE]` in [0, 1], ink = 1."""
    images, _ = generated_classes(characters, DRAWINGS, SIZE, seed=0)
    return images.reshape(characters, DRAWINGS, -1).float() / 255
