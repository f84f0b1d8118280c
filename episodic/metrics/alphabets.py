"""The within-alphabet error as a logged metric."""

import torch
from torch import Tensor

from episodic.metrics.within_alphabet import within_alphabet_error

#: Characters of an alphabet that a run tells apart.
CHARACTERS = 20


def alphabet_metrics(embeddings: Tensor, labels: Tensor, alphabets: Tensor, runs: int) -> dict[str, Tensor]:
    """Compute `within_alphabet_error`, the mean over alphabets and runs.

    The runs are the same every time. The metric is left out if no alphabet has enough characters, or if the characters
    do not all have the same number of drawings; see `episodic.metrics.within_alphabet.within_alphabet_error`.

    Args:
        embeddings: `[N, D]`, those of a character in the order of their drawers.
        labels: `[N]` long, the characters.
        alphabets: `[C]` long, the alphabet of each label.
        runs: number of runs in each alphabet.

    >>> labels = torch.arange(20).repeat(2)  # one alphabet, two drawers, perfect embeddings
    >>> alphabet_metrics(torch.eye(20)[labels], labels, torch.zeros(20, dtype=torch.long), runs=3)
    {'within_alphabet_error': tensor(0.)}
    """
    drawings = labels.bincount(minlength=len(alphabets))
    fewest, most = (int(count) for count in drawings.aminmax())
    if not fewest == most >= 2 or int(alphabets.bincount().max()) < CHARACTERS:
        return {}
    generator = torch.Generator().manual_seed(CHARACTERS)
    result = within_alphabet_error(embeddings, labels, alphabets, ways=CHARACTERS, runs=runs, generator=generator)
    return {"within_alphabet_error": result.errors.mean()}
