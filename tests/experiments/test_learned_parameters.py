"""The number of parameters that a training has learned, by its checkpoint."""

from pathlib import Path

import torch
from torch import nn

from experiments.engine.parameters import learned_parameters


def saved(folder: Path, *optimisers: torch.optim.Optimizer) -> Path:
    path = folder / "a.ckpt"
    torch.save({"state_dict": {}, "optimizer_states": [own.state_dict() for own in optimisers]}, path)
    return path


def test_parameters_with_a_step_count(tmp_path: Path) -> None:
    learned, frozen = nn.Linear(3, 2), nn.Linear(10, 10)
    optimiser = torch.optim.Adam([*learned.parameters(), *frozen.requires_grad_(False).parameters()])
    learned(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    assert learned_parameters(saved(tmp_path, optimiser)) == 3 * 2 + 2


def test_what_is_not_known_is_none(tmp_path: Path) -> None:
    assert learned_parameters(saved(tmp_path)) == 0
    assert learned_parameters(saved(tmp_path, torch.optim.SGD(nn.Linear(2, 2).parameters()))) == 0
    assert learned_parameters(tmp_path / "nowhere.ckpt") == 0
