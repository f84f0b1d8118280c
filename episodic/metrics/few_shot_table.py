"""The few-shot figures that every stage with an embedding of drawings logs."""

from collections.abc import Iterable

import torch
from torch import Tensor

from episodic.metrics.class_rows import class_rows, classes_with
from episodic.metrics.few_shot import few_shot_accuracy

#: Ways and shots of the figures of each split.
FEW_SHOT = {"val": ((20, 1),), "test": ((5, 1), (5, 5), (20, 1), (20, 5))}


def few_shot_figures(
    embeddings: Tensor,
    labels: Tensor,
    settings: Iterable[tuple[int, int]],
    episodes: int,
    metric: str = "cosine",
) -> dict[str, Tensor]:
    """Mean few-shot accuracies, scalars by names such as `20way_1shot`; see `episodic.metrics.few_shot.few_shot_accuracy`.

    The episodes of a setting are always the same ones. Settings for which there are too few classes with
    `shots + 1` embeddings are left out.

    Args:
        embeddings: `[N, D]`.
        labels: `[N]` long.
        settings: ways and shots of each figure.
        episodes: that a figure is the mean of.
        metric: `cosine` or `euclidean`.

    Raises:
        InputError: a number out of range, an unknown metric.
    """
    table = class_rows(labels)
    possible = [(ways, shots) for ways, shots in settings if ways <= len(classes_with(table, shots + 1).labels)]
    return {
        f"{ways}way_{shots}shot": few_shot_accuracy(
            embeddings,
            labels,
            ways=ways,
            shots=shots,
            episodes=episodes,
            generator=torch.Generator().manual_seed(ways * 100 + shots),
            metric=metric,
        ).mean()
        for ways, shots in possible
    }
