"""How handwriting varies: displacements between drawings of the same character, found by registration.

Sampled at random, they deform other characters as another writer might (Miller, Matsakis & Viola 2000, "Learning from
one example through shared densities on transforms"). Differs from the paper: a drawing is fitted to another one instead
of to a common mean, and by a smooth displacement instead of an affine map.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import conv2d

from episodic.drawings.deformation import displacement_of, unmoved, warp
from episodic.drawings.images import SMALLEST, to_size
from episodic.drawings.symmetries import TURNS
from episodic.errors import require, require_finite, require_positive
from episodic.progress import track

KNOTS = 6  # knots of a displacement along each side
#: Blurs from coarse to fine: the standard deviation as a share of the side, and the number of steps with it.
BLURS = ((0.09, 25), (0.054, 25), (0.029, 20))
RATE = 0.03  # Adam's learning rate, where a side has length 2
#: Weights of a displacement's bending and of its size, beside the squared difference over the target's ink.
BENDING, SIZE = 0.02, 0.005
CHUNK = 1024  # pairs registered at once


def register(sources: Tensor, targets: Tensor) -> Tensor:
    """Find the smooth displacements by which `warp` turns sources into targets, at `KNOTS` x `KNOTS` knots.

    A fixed number of steps of Adam reduce the squared difference of the blurred drawings, with penalties on bending
    and size.

    Args:
        sources: `[B, 1, S, S]` in [0, 1], ink = 1.
        targets: the same shape.

    Returns:
        `[B, 2, KNOTS, KNOTS]` of (x, y), where a side has length 2.

    >>> source = torch.zeros(1, 1, 28, 28)
    >>> source[..., 14, 4:24] = 1
    >>> found = register(source, source.roll(3, dims=2))  # 3 pixels down: ink comes from above
    >>> round(found[0, 1].mean().item(), 2)
    -0.12
    """
    side = sources.shape[-1]
    with torch.enable_grad():
        knots = torch.zeros(len(sources), 2, KNOTS, KNOTS, device=sources.device, requires_grad=True)
        optimizer = torch.optim.Adam([knots], lr=RATE)
        ink = targets.flatten(1).sum(dim=1).clamp_min(1)
        for deviation, steps in BLURS:
            goal = blurred(targets, deviation * side)
            for _ in range(steps):
                moved = warp(sources, unmoved(sources), displacement_of(knots, side))
                missed = (blurred(moved, deviation * side) - goal).square().flatten(1).sum(dim=1) / ink
                loss = missed + BENDING * bending(knots) + SIZE * knots.square().sum(dim=(1, 2, 3))
                optimizer.zero_grad()
                loss.sum().backward()
                optimizer.step()
    return knots.detach()


def bending(knots: Tensor) -> Tensor:
    """Return the sums `[B]` of squared second differences of displacements `[B, 2, K, K]`: 0 for affine maps."""
    second = knots.diff(n=2, dim=2), knots.diff(n=2, dim=3), 2**0.5 * knots.diff(dim=2).diff(dim=3)
    return torch.stack([part.square().sum(dim=(1, 2, 3)) for part in second]).sum(dim=0)


def blurred(images: Tensor, deviation: float) -> Tensor:
    """Smooth drawings `[B, 1, S, S]` with a Gaussian of this standard deviation in pixels."""
    reach = int(3 * deviation)
    weights = torch.exp(-(torch.arange(-reach, reach + 1, device=images.device) ** 2) / (2 * deviation**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    return conv2d(conv2d(images, weights, padding=(0, reach)), weights.transpose(2, 3), padding=(reach, 0))


class Displacements:
    """Displacements to sample from. They belong to a training and are in no checkpoint.

    Args:
        knots: `[P, 2, K, K]`, see `register`.
        strength: each sample is multiplied by a random factor from 0 to this one.
    """

    def __init__(self, knots: Tensor, strength: float) -> None:
        self.knots, self.strength = knots, strength

    def to(self, device: torch.device) -> None:
        """Move the displacements to a device."""
        self.knots = self.knots.to(device)

    def sample(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Sample a displacement for each of the drawings `[B, 1, S, S]`: `[B, 2, S, S]`, see `augment`.

        Each is a random one of those found, after a random number of quarter turns, times a random factor. The
        generator is one on the CPU.
        """
        count, device = len(images), self.knots.device
        which = torch.randint(len(self.knots), (count,), generator=generator).to(device)
        turns = torch.randint(TURNS, (count,), generator=generator).to(device)
        factor = self.strength * torch.rand(count, generator=generator).to(device)
        knots = turned_displacements(self.knots[which], turns) * factor.view(-1, 1, 1, 1)
        return displacement_of(knots, images.shape[-1])


def turned_displacements(knots: Tensor, turns: Tensor) -> Tensor:
    """Turn displacements `[B, 2, K, K]` counter-clockwise by `turns` quarter turns each, `[B]` long from 0 to 3.

    They then do to a turned drawing what they did to the drawing.
    """
    ways = [knots]
    for _ in range(TURNS - 1):
        x, y = torch.rot90(ways[-1], dims=(2, 3)).unbind(dim=1)
        ways.append(torch.stack([y, -x], dim=1))
    return torch.stack(ways)[turns, torch.arange(len(knots), device=knots.device)]


@dataclass(frozen=True)
class HandwritingVariation:
    """Deformations learned from training drawings: see `Displacements`.

    Args:
        pairs: pairs of drawings of the same character that are registered. 4,096 take about a minute of one core, each
            time that a training starts or is resumed.
        strength: each displacement is multiplied by a random factor from 0 to this one.

    Raises:
        InputError: a number is not positive and finite.

    >>> drawings = torch.zeros(2, 28, 28).byte()
    >>> drawings[0, 14, 4:24] = drawings[1, 12, 4:24] = 255
    >>> displacements = HandwritingVariation(pairs=2).learn(drawings, torch.tensor([0, 0]))
    >>> displacements.sample(torch.rand(5, 1, 28, 28), torch.Generator().manual_seed(0)).shape
    torch.Size([5, 2, 28, 28])
    """

    pairs: int = 4096
    strength: float = 1.0

    def __post_init__(self) -> None:
        require_positive(**{"variation.pairs": self.pairs, "variation.strength": self.strength})
        require_finite(**{"variation.strength": self.strength})

    def learn(self, images: Tensor, labels: Tensor) -> Displacements:
        """Register random pairs of drawings `[N, S, S]` uint8 of the same class, `[N]` long; always the same pairs.

        Larger drawings are shrunk to 28 x 28 for it.

        Raises:
            InputError: no class has two drawings.
        """
        require(int(labels.bincount().max()) > 1, "model.variation needs two drawings or more of some training class")
        sources, targets = same_class_pairs(labels, self.pairs, torch.Generator().manual_seed(0))
        chunks = zip(sources.split(CHUNK), targets.split(CHUNK), strict=True)
        knots = [
            register(*(to_size(images[rows].unsqueeze(1).float() / 255, SMALLEST) for rows in pair))
            for pair in track(chunks, "registering", self.pairs, "pairs", each=CHUNK)
        ]
        return Displacements(torch.cat(knots), self.strength)


def same_class_pairs(labels: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Sample `count` pairs of different items of the same class: two tensors `[count]` long of their indices.

    The first is uniform over the items whose class has others, the second over the others of its class. Some class
    must have two items.

    >>> first, second = same_class_pairs(torch.tensor([0, 1, 0]), 5, torch.Generator().manual_seed(0))
    >>> set((first + second).tolist())
    {2}
    """
    sizes = labels.bincount()
    order = labels.argsort(stable=True)
    candidates = order[sizes[labels[order]] > 1]
    first = candidates[torch.randint(len(candidates), (count,), generator=generator)]
    place = order.argsort()[first]  # in the order by class
    begin = (sizes.cumsum(0) - sizes)[labels[first]]
    further = 1 + (torch.rand(count, generator=generator) * (sizes[labels[first]] - 1)).long()
    return first, order[begin + (place - begin + further) % sizes[labels[first]]]
