"""Memories side by side against one `KaiserMemory` each."""

import random

import pytest
import torch
from torch import Tensor

from episodic.memory.kaiser_memory import KaiserMemory
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from tests.episodic.memory.kaiser_oracle import ListKaiser
from tests.episodic.memory.memory_oracle import DEVICES

KEY = 4


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def queries(steps: int, memories: int, seed: int) -> tuple[Tensor, Tensor]:
    """Unit queries `[steps, memories, KEY]` about a pattern for each of 4 labels, some of them exactly the pattern."""
    source = random.Random(seed)
    patterns = [[source.gauss(0, 1) for _ in range(KEY)] for _ in range(4)]
    labels = [[source.randrange(4) for _ in range(memories)] for _ in range(steps)]
    noise = [[source.choice((0.0, 0.7)) for _ in range(memories)] for _ in range(steps)]
    rows = [
        [[x + size * source.gauss(0, 1) for x in patterns[label]] for label, size in zip(*step, strict=True)]
        for step in zip(labels, noise, strict=True)
    ]
    return torch.nn.functional.normalize(torch.tensor(rows, dtype=torch.float64), dim=2), torch.tensor(labels)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("size", [1, 3, 6, 40])
def test_each_memory_is_kaisers_with_a_batch_of_one(size: int, device: str) -> None:
    many = ParallelKaiserMemories(torch.zeros(5, size, KEY, dtype=torch.float64, device=device))
    singles = [KaiserMemory(size, KEY).double() for _ in range(5)]
    lists = [ListKaiser(size, size, 0.1, 1 / 40) for _ in range(5)]
    for query, label in zip(*queries(40, 5, seed=size), strict=True):
        answers = many.step(query.to(device), label.to(device)).tolist()
        for index, (single, slow) in enumerate(zip(singles, lists, strict=True)):
            one, its = query[index : index + 1], label[index : index + 1]
            assert answers[index] == int(single(one).label) == slow.answer(one[0].tolist())[0]
            single.update(one, its)
            slow.update_one(one[0].tolist(), int(its))
            torch.testing.assert_close(many.keys[index].cpu(), single.keys)
            assert many.values[index].tolist() == single.values.tolist()
            taken = single.occupied
            assert many.ages[index].cpu()[taken].tolist() == single.ages[taken].tolist()


def test_an_opposite_key_is_kept_as_it_is() -> None:
    memories, single = ParallelKaiserMemories(torch.zeros(1, 1, 2)), KaiserMemory(1, 2)
    for query in (torch.tensor([[1.0, 0.0]]), torch.tensor([[-1.0, 0.0]])):
        memories.step(query, torch.zeros(1).long())
        single.update(query, torch.zeros(1).long())
    assert memories.keys[0].tolist() == single.keys.tolist() == [[1.0, 0.0]]


@pytest.mark.parametrize(("noise", "written"), [(0.0, {0}), (0.4, {0}), (50.0, {0, 1, 2})])
def test_the_noise_on_ages_decides_what_is_written_over(noise: float, written: set[int]) -> None:
    memories = ParallelKaiserMemories(torch.zeros(200, 3, 4), noise)
    for label in range(4):
        memories.step(torch.eye(4)[label].expand(200, 4), torch.full((200,), label), seeded(label))
    assert set((memories.values == 3).nonzero()[:, 1].tolist()) == written
