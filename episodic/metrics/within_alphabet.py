"""One-shot classification within an alphabet, the task that compares people with machines."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.metrics.class_rows import ClassRows, choose_classes, class_rows, uniform, usable_embeddings
from episodic.metrics.few_shot import classified_right, require_ways

RUNS = 128  # at once


class AlphabetErrors(NamedTuple):
    """Error rates of R runs in each of A alphabets."""

    alphabets: Tensor  # [A] long, ascending, those with enough characters
    errors: Tensor  # [A, R], share of wrong answers


@torch.no_grad()
def within_alphabet_error(
    embeddings: Tensor,
    labels: Tensor,
    alphabets: Tensor,
    *,
    ways: int = 20,
    runs: int = 20,
    generator: torch.Generator | None = None,
) -> AlphabetErrors:
    """Classify characters of one alphabet by a single drawing of each, and return the error rates.

    A run draws `ways` characters of an alphabet and two drawers. The first drawer's drawings are the examples, the
    second drawer's the queries. A query is assigned to the most similar example (cosine). Lake, Salakhutdinov and
    Tenenbaum 2015, "Human-level concept learning through probabilistic program induction", Science 350, 1332-1338;
    arXiv 1902.03477, section 3.1.

    Differs from the paper: runs are random and cover all alphabets with enough characters; the paper uses a fixed
    list of 20 runs, two of each of ten alphabets, which is not part of the data set.

    Args:
        embeddings: `[N, D]`; the k-th embedding of a character is that of drawer k's drawing.
        labels: `[N]` long, the characters.
        alphabets: `[C]` long, the alphabet of each label from 0 to C - 1.
        ways: Characters in a run; alphabets with fewer are left out.
        runs: Runs of each alphabet.
        generator: Random generator on any device; None is torch's global one.

    Raises:
        InputError: A number is out of range, a label has no alphabet, the characters have different numbers of
            drawings, or no alphabet has enough characters.

    >>> points, labels = torch.eye(3).repeat_interleave(2, dim=0), torch.arange(3).repeat_interleave(2)
    >>> within_alphabet_error(points, labels, torch.zeros(3).long(), ways=2, runs=4).errors
    tensor([[0., 0., 0., 0.]])
    """
    require_positive(runs=runs)
    points, labels = usable_embeddings(embeddings, labels)
    table = class_rows(labels)
    _require_drawers(table)
    names, owner, sizes = _alphabets_of(table, alphabets).unique(return_inverse=True, return_counts=True)
    require_ways(ways, int(sizes.max()), "characters are in the largest alphabet")
    large = (sizes >= ways).nonzero().squeeze(1)
    right = [
        _run(points, table, owner == alphabet.unsqueeze(1), ways, generator)
        for alphabet in large.repeat_interleave(runs).split(RUNS)
    ]
    return AlphabetErrors(names[large], 1 - torch.cat(right).view(len(large), runs))


def _run(points: Tensor, table: ClassRows, allowed: Tensor, ways: int, generator: torch.Generator | None) -> Tensor:
    """Compute accuracies `[E]` of runs that may use the characters `allowed` `[E, C]` bool."""
    characters = choose_classes(allowed, ways, generator)
    drawers = uniform(table.rows.new_empty(len(allowed), table.rows.shape[1]), generator).topk(2, dim=1).indices
    drawn = points[table.rows[characters.unsqueeze(-1), drawers.unsqueeze(1)]]  # [E, W, 2, D]
    return classified_right(drawn[:, :, :1], drawn[:, :, 1:], "cosine").to(points.dtype).mean(dim=(1, 2))


def _require_drawers(table: ClassRows) -> None:
    require(len(table.labels) > 0, "there are no embeddings: drawings of 2 characters or more are needed")
    fewest, most = (int(count) for count in table.counts.aminmax())
    require(
        fewest == most >= 2,
        f"labels name between {fewest} and {most} drawings of a character: the same drawers, 2 or more, must draw each",
    )


def _alphabets_of(table: ClassRows, alphabets: Tensor) -> Tensor:
    lowest, highest = int(table.labels[0]), int(table.labels[-1])
    require(
        alphabets.dim() == 1 and 0 <= lowest <= highest < len(alphabets),
        f"alphabets have shape {tuple(alphabets.shape)}: labels lie between {lowest} and {highest}, "
        f"and each label from 0 on needs an alphabet",
    )
    return alphabets.to(table.labels.device)[table.labels]
