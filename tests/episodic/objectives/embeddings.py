"""Labelled unit embeddings for the tests of the objectives."""

import torch
from torch import Tensor
from torch.nn.functional import normalize

SIZE, CLASSES = 5, 4


def batch(seed: int, count: int = 12, classes: int = CLASSES, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Unit embeddings in double precision, noisy around a direction for each class, and labels."""
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(classes, SIZE, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (count,), generator=generator)
    noise = torch.randn(count, SIZE, generator=generator, dtype=torch.float64)
    return normalize(directions[labels] + 0.8 * noise, dim=1).to(device), labels.to(device)


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
