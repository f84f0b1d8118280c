"""One binary code for each class, against a loop over the classes."""

import torch
from torch import Tensor

from episodic.agents.class_code import class_signs


def slow_signs(embeddings: Tensor, labels: Tensor) -> Tensor:
    """From the definition: each class's mean, against the mean of these."""
    classes = sorted(set(labels.tolist()))
    means = {one: sum(e for e, label in zip(embeddings, labels, strict=True) if label == one) for one in classes}
    means = {one: total / labels.tolist().count(one) for one, total in means.items()}
    middle = sum(means.values()) / len(means)
    return torch.stack([(means[label] > middle).float() for label in labels.tolist()])


def test_signs_equal_the_loop_where_classes_are_of_different_sizes_and_mixed() -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings = torch.randn(40, 6, generator=generator) + 0.5
    labels = torch.cat([torch.arange(5), torch.randint(5, (35,), generator=generator)])
    found = class_signs(embeddings, labels)
    assert torch.equal(found, slow_signs(embeddings, labels))
    assert found.dtype == torch.float32
    assert set(found.unique().tolist()) == {0.0, 1.0}


def test_drawings_of_a_class_share_their_code() -> None:
    embeddings = torch.tensor([[1.0, -3.0], [3.0, 1.0], [-1.0, 5.0]])
    # Means [2, -1] and [-1, 5] about [0.5, 2].
    assert class_signs(embeddings, torch.tensor([0, 0, 1])).tolist() == [[1, 0], [1, 0], [0, 1]]


def test_a_class_alone_has_nothing_to_differ_from() -> None:
    assert not class_signs(torch.randn(3, 4).round(), torch.zeros(3, dtype=torch.long)).any()
