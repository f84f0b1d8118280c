"""Cosines with the classes' directions, against sklearn's."""

import pytest
import torch
from sklearn.metrics.pairwise import cosine_similarity
from torch import Tensor

from episodic.errors import InputError
from episodic.networks.cosine_classifier import CosineClassifier
from tests.episodic.memory.memory_oracle import DEVICES


@pytest.mark.parametrize("device", DEVICES)
def test_cosines_are_another_librarys(device: str) -> None:
    torch.manual_seed(0)
    classifier, embedding = CosineClassifier(7, 5).double().to(device), torch.randn(4, 5, dtype=torch.float64)
    expected = cosine_similarity(embedding.numpy(), classifier.weight.detach().cpu().numpy())
    torch.testing.assert_close(classifier(embedding.to(device)).detach().cpu(), torch.from_numpy(expected))


def test_lengths_do_not_matter() -> None:
    classifier, embedding = CosineClassifier(3, 4), torch.randn(2, 4)
    before = classifier(embedding)
    with torch.no_grad():
        classifier.weight.mul_(torch.tensor([[0.1], [5.0], [70.0]]))
    torch.testing.assert_close(classifier(9 * embedding), before)


def test_its_own_direction_has_cosine_one_and_nothing_has_cosine_zero() -> None:
    classifier = CosineClassifier(6, 8)
    torch.testing.assert_close(classifier(classifier.weight).diagonal(), torch.ones(6))
    assert classifier(torch.zeros(1, 8)).abs().max() == 0


@pytest.mark.parametrize("size", [4, 64, 512])
def test_weights_start_with_a_length_of_about_one(size: int) -> None:
    torch.manual_seed(0)
    lengths = CosineClassifier(2000, size).weight.norm(dim=1)
    assert lengths.square().mean().item() == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize(("name", "value"), [("classes", 0), ("classes", -3), ("embedding_size", 0)])
def test_bad_sizes_are_named(name: str, value: int) -> None:
    with pytest.raises(InputError, match=f"^{name} is {value}"):
        CosineClassifier(**{"classes": 3, "embedding_size": 4, name: value})


@pytest.mark.parametrize(
    "embedding", [torch.ones(4), torch.ones(2, 3), torch.ones(1, 2, 4)], ids=lambda x: str(x.shape)
)
def test_embeddings_of_another_shape_are_refused(embedding: Tensor) -> None:
    with pytest.raises(InputError, match=r"^embedding has shape .* it must be \[B, 4\]"):
        CosineClassifier(3, 4)(embedding)
