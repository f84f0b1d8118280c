"""The distillation loss against loops."""

import math

import pytest
import torch
from torch.nn.functional import normalize

from episodic.errors import InputError
from episodic.objectives.distillation import distillation_loss
from tests.episodic.memory.memory_oracle import DEVICES


def slow_loss(embedding: list[list[float]], similarity: list[list[float]]) -> float:
    error = size = 0.0
    for i, one in enumerate(embedding):
        for j, other in enumerate(embedding):
            if i != j:
                cosine = math.fsum(a * b for a, b in zip(one, other, strict=True))
                error += (cosine - similarity[i][j]) ** 2
                size += similarity[i][j] ** 2
    return error / size


@pytest.mark.parametrize("device", DEVICES)
def test_it_is_the_share_of_the_similarity_that_is_missed(device: str) -> None:
    generator = torch.Generator().manual_seed(0)
    embedding = normalize(torch.randn(6, 3, generator=generator, dtype=torch.float64), dim=1)
    similarity = torch.rand(6, 6, generator=generator, dtype=torch.float64)
    loss = distillation_loss(embedding.to(device), similarity.to(device))
    assert loss.item() == pytest.approx(slow_loss(embedding.tolist(), similarity.tolist()))


def test_it_is_zero_where_the_student_is_the_teacher_and_for_a_batch_of_one() -> None:
    embedding = normalize(torch.randn(5, 4, generator=torch.Generator().manual_seed(1)), dim=1)
    turned = embedding @ torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(2)))[0]
    assert distillation_loss(turned, embedding @ embedding.T).item() == pytest.approx(0, abs=1e-10)
    assert distillation_loss(embedding[:1], torch.ones(1, 1)) == 0


def test_the_student_alone_has_a_gradient_and_descends_to_the_teacher() -> None:
    generator = torch.Generator().manual_seed(3)
    teacher = normalize(torch.randn(8, 4, generator=generator), dim=1).requires_grad_()
    free = torch.randn(8, 4, generator=generator).requires_grad_()
    optimizer = torch.optim.Adam([free], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = distillation_loss(normalize(free, dim=1), teacher @ teacher.T)
        loss.backward()
        optimizer.step()
    assert loss.item() < 1e-3
    assert teacher.grad is None


def test_half_precision_is_computed_in_single() -> None:
    embedding = normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(4)), dim=1)
    similarity = torch.rand(6, 6, generator=torch.Generator().manual_seed(5))
    expected = distillation_loss(embedding, similarity)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(distillation_loss(embedding, similarity), expected)


@pytest.mark.parametrize(("embedding", "similarity"), [((3, 4), (3, 4)), ((3, 4), (2, 2)), ((4,), (4, 4))])
def test_shapes_that_do_not_fit_are_refused(embedding: tuple[int, ...], similarity: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"^similarity has shape") as error:
        distillation_loss(torch.zeros(embedding), torch.zeros(similarity))
    assert "\n" not in str(error.value)
