"""The actor-critic loss by native kernels, beside PyTorch's."""

import pytest
import torch
from torch import Tensor

from episodic.networks.heads import ActorCriticHeads
from episodic.objectives.actor_critic import ActorCritic
from tests.episodic.native.paths import both, distance, needs_kernels

STEPS, BATCH, HIDDEN, ACTIONS = 7, 5, 12, 4
LAYOUTS = {"steps first": (0, 1, 2), "environments first": (1, 0, 2), "hidden states first": (2, 0, 1)}


def gradients(layout: tuple[int, int, int]) -> list[Tensor]:
    """The total, then its gradients by the source of the hidden states and by the heads' parameters."""
    generator = torch.Generator().manual_seed(3)
    sizes = (STEPS, BATCH, HIDDEN)
    source = torch.randn([sizes[axis] for axis in layout], generator=generator).requires_grad_()
    hidden = source.permute([layout.index(axis) for axis in range(3)])
    heads = ActorCriticHeads(HIDDEN, ACTIONS)
    with torch.no_grad():
        heads.weight.copy_(torch.randn(heads.weight.shape, generator=generator))
    actions = torch.randint(ACTIONS, (STEPS, BATCH), generator=generator)
    rewards = torch.rand(STEPS, BATCH, generator=generator)
    total = ActorCritic(discount=0.7).of_hidden(heads, hidden, actions, rewards, 0.05).total
    found = torch.autograd.grad(total, (source, heads.weight, heads.bias))
    return [total.detach(), *found]


@needs_kernels
@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_the_gradient_reaches_the_source_of_the_hidden_states(
    layout: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    native, plain = both(lambda: gradients(layout), monkeypatch)
    assert max(map(distance, native, plain)) < 1e-5
