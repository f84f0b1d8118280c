"""Accuracies in streams of new classes as logged metrics."""

from collections.abc import Callable

import torch
from torch import Tensor

from episodic.metrics.class_rows import class_rows, classes_with
from episodic.metrics.sequential import StreamLearners, sequential_accuracy

#: Classes in a stream.
STREAM_WAYS = (5, 20)
#: Presentations of a class that have a metric: those after 1, 2, 5 and 10 examples.
PRESENTATIONS = (2, 3, 6, 11)


def stream_metrics(
    new_learners: Callable[[Tensor], StreamLearners], embeddings: Tensor, labels: Tensor, episodes: int
) -> dict[str, Tensor]:
    """Compute the accuracy at the k-th presentation of a class, by names such as `20way_presentation_02`.

    See `episodic.metrics.sequential.sequential_accuracy`. The streams are the same every time. A number of ways is left
    out if too few classes have enough embeddings.

    Args:
        new_learners: Builds empty learners, such as `episodic.memory.parallel_kaiser.ParallelKaiserMemories`.
        embeddings: `[N, D]`.
        labels: `[N]` long.
        episodes: number of streams that each metric averages over.

    >>> from episodic.memory.parallel_kaiser import ParallelKaiserMemories
    >>> labels = torch.arange(5).repeat(11)
    >>> stream_metrics(ParallelKaiserMemories, torch.eye(5)[labels], labels, episodes=3)["5way_presentation_02"]
    tensor(1.)
    """
    most = max(PRESENTATIONS)
    metrics: dict[str, Tensor] = {}
    available = len(classes_with(class_rows(labels), most).labels)
    for ways in (ways for ways in STREAM_WAYS if ways <= available):
        accuracy = sequential_accuracy(
            new_learners,
            embeddings,
            labels,
            ways=ways,
            presentations=most,
            episodes=episodes,
            generator=torch.Generator().manual_seed(100 * ways + most),
        ).mean(dim=0)
        metrics |= {f"{ways}way_presentation_{time:02d}": accuracy[time - 1] for time in PRESENTATIONS}
    return metrics
