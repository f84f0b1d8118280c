"""Which few-shot figures there are, and that each is the accuracy that its name says."""

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.metrics.few_shot import FEW_SHOT, few_shot_accuracy, few_shot_metrics


def classes(counts: list[int]) -> tuple[Tensor, Tensor]:
    """Noisy embeddings, so many of each class, in the order of a shuffled deck."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    generator = torch.Generator().manual_seed(0)
    labels = labels[torch.randperm(len(labels), generator=generator)]
    centres, noise = (torch.randn(size, 3, generator=generator) for size in (len(counts), len(labels)))
    return centres[labels] + noise + 1.0, labels


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_figure_is_the_mean_of_its_own_episodes(metric: str) -> None:
    embeddings, labels = classes([4] * 6)
    found = few_shot_metrics(embeddings, labels, [(5, 1), (2, 3)], 40, metric)
    assert list(found) == ["5way_1shot", "2way_3shot"]
    for ways, shots in ((5, 1), (2, 3)):
        accuracy = few_shot_accuracy(
            embeddings,
            labels,
            ways=ways,
            shots=shots,
            episodes=40,
            generator=torch.Generator().manual_seed(100 * ways + shots),
            metric=metric,
        )
        assert torch.equal(found[f"{ways}way_{shots}shot"], accuracy.mean())


def test_the_metric_matters_and_is_the_cosine_by_default() -> None:
    embeddings, labels = classes([4] * 6)
    cosine, euclidean, default = (
        few_shot_metrics(embeddings, labels, [(5, 1)], 200, *metric)["5way_1shot"]
        for metric in (("cosine",), ("euclidean",), ())
    )
    assert default == cosine != euclidean


def test_figures_without_classes_enough_are_left_out() -> None:
    embeddings, labels = classes([2] * 10 + [6] * 10)
    assert list(few_shot_metrics(embeddings, labels, FEW_SHOT["test"], 5)) == [
        "5way_1shot",
        "5way_5shot",
        "20way_1shot",
    ]
    assert list(few_shot_metrics(embeddings[labels > 0], labels[labels > 0], FEW_SHOT["val"], 5)) == []
    assert few_shot_metrics(embeddings[:0], labels[:0], FEW_SHOT["test"], 5) == {}


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match=r"^metric is 'dot'"):
        few_shot_metrics(*classes([4] * 6), [(5, 1)], 5, "dot")
    with pytest.raises(InputError, match=r"^episodes is 0"):
        few_shot_metrics(*classes([4] * 6), [(5, 1)], 0)
