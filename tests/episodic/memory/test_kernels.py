"""The similarity kernels against their definitions, pair by pair."""

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory import EpisodicMemory
from episodic.memory.kernels import KERNELS, RANGES, inverse_norms
from tests.episodic.memory.memory_oracle import DEVICES, similarity

NAMES = ("cosine", "l2", "l1")


def kernel(name: str, query: Tensor, keys: Tensor) -> Tensor:
    return KERNELS[name](query, keys, inverse_norms(keys))


def pair_by_pair(name: str, query: Tensor, keys: Tensor) -> Tensor:
    rows = zip(query.tolist(), keys.tolist(), strict=True)
    return torch.tensor([[similarity(name, q, k) for k in row] for q, row in rows])


def draw(batch: int, slots: int, size: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return (
        torch.randn(batch, size, generator=generator),
        torch.randn(batch, slots, size, generator=generator),
    )


def test_these_are_all_the_kernels() -> None:
    assert set(KERNELS) == set(RANGES) == set(NAMES)


def test_a_new_kernel_needs_an_entry_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def dot(query: Tensor, keys: Tensor, key_scales: Tensor) -> Tensor:
        return torch.bmm(keys, query.unsqueeze(2)).squeeze(2)

    monkeypatch.setitem(KERNELS, "dot", dot)
    memory = EpisodicMemory(3, 2, 1, kernel="dot", threshold=1.5)
    memory.reset(1)
    for key, value in (((1.0, 0.0), 5.0), ((3.0, 0.0), 7.0)):
        memory.write(torch.tensor([key]), torch.tensor([[value]]))
    assert memory.read(torch.tensor([[1.0, 0.0]])).value == 7.0
    assert memory.read(torch.tensor([[0.0, 1.0]])).slot == -1
    with pytest.raises(InputError, match="weighting is 'inverse_distance' with kernel dot"):
        EpisodicMemory(3, 2, 1, kernel="dot", neighbours=2, weighting="inverse_distance")


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 7, 64])
def test_kernel_equals_its_definition(name: str, size: int, device: str) -> None:
    query, keys = draw(3, 5, size)
    found = kernel(name, query.to(device), keys.to(device)).cpu()
    torch.testing.assert_close(found, pair_by_pair(name, query, keys), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("device", DEVICES)
def test_cosine_with_a_zero_vector_is_zero(device: str) -> None:
    query, keys = draw(2, 3, 4)
    query[0], keys[1, 2] = 0.0, 0.0
    found = kernel("cosine", query.to(device), keys.to(device)).cpu()
    assert found[0].tolist() == [0.0, 0.0, 0.0]
    assert found[1, 2] == 0.0
    assert (found[1, :2] != 0.0).all()


@pytest.mark.parametrize("device", DEVICES)
def test_l2_tells_near_neighbours_far_from_the_origin(device: str) -> None:
    # By way of |q|^2 - 2 q.k + |k|^2 these distances would drown in rounding.
    query = torch.full((1, 40), 100.0)
    keys = query.expand(1, 3, 40).clone()
    keys[0, :, 0] += torch.tensor([0.0, 0.01, 0.02])
    found = kernel("l2", query.to(device), keys.to(device)).cpu()
    torch.testing.assert_close(found, torch.tensor([[0.0, -0.01, -0.02]]), atol=1e-5, rtol=0.0)


@pytest.mark.parametrize("name", NAMES)
def test_similarities_keep_to_the_range(name: str) -> None:
    query, keys = draw(50, 4, 3)
    keys[:, 0], keys[:, 1] = query, -query
    low, high = RANGES[name]
    found = kernel(name, query, keys)
    assert (found >= low - 1e-6).all()
    assert (found <= high + 1e-6).all()
    torch.testing.assert_close(found[:, 0], torch.full((50,), high), atol=1e-6, rtol=0.0)
    if low == -1.0:
        torch.testing.assert_close(found[:, 1], torch.full((50,), low), atol=1e-6, rtol=0.0)
