"""One-shot classification within an alphabet, the task on which people are compared with machines."""

from typing import NamedTuple

import torch
from torch import Tensor

from episodic.errors import require, require_positive
from episodic.metrics.class_rows import ClassRows, choose_classes, class_rows, uniform, usable_embeddings
from episodic.metrics.few_shot import classified_right, require_ways

RUNS = 128  # at once


class AlphabetErrors(NamedTuple):
    """Errors of R runs in each of A alphabets."""

    alphabets: Tensor  # [A] long, those with enough characters, ascending
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
    """Error at telling the characters of one alphabet apart by a single drawing of each.

    A run draws `ways` characters of an alphabet and two drawers: the first one's drawings are the examples, the
    second one's the queries, and a query gets the character of the most similar example (cosine). Lake,
    Salakhutdinov and Tenenbaum 2015, "Human-level concept learning through probabilistic program induction",
    Science 350, 1332-1338; arXiv 1902.03477, section 3.1.

    Differs from the paper: runs are drawn at random, as many as asked for and over all alphabets that have
    enough characters; the paper's are a fixed list of 20, two of each of ten alphabets, that does not come with
    the drawings.

    Args:
        embeddings: `[N, D]`, those of a character in the order of their drawers: its k-th is by drawer k.
        labels: `[N]` long, the characters.
        alphabets: `[C]` long, the alphabet of each label from 0 to C - 1.
        ways: characters in a run; alphabets with fewer are left out.
        runs: how many each alphabet gets.
        generator: draws them, whatever device it is on; None takes torch's global one.

    Raises:
        InputError: a number out of range, a label without an alphabet, characters that were not drawn by the same
            number of drawers, no alphabet with enough characters.
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
    """Accuracy `[E]` of runs that may use the characters `[E, C]` bool."""
    characters = choose_classes(allowed, ways, generator)
    drawers = uniform(table.rows.new_empty(len(allowed), table.rows.shape[1]), generator).topk(2, dim=1).indices
    drawn = points[table.rows[characters.unsqueeze(-1), drawers.unsqueeze(1)]]  # [E, W, 2, D]
    return classified_right(drawn[:, :, :1], drawn[:, :, 1:], "cosine").to(points.dtype).mean(dim=(1, 2))


def _require_drawers(table: ClassRows) -> None:
    require(len(table.labels) > 0, "embeddings are 0: drawings of 2 characters or more are needed")
    fewest, most = (int(count) for count in table.counts.aminmax())
    require(
        fewest == most >= 2,
        f"labels name between {fewest} and {most} drawings of a character: "
        f"each has to be drawn by the same drawers, 2 or more",
    )


def _alphabets_of(table: ClassRows, alphabets: Tensor) -> Tensor:
    lowest, highest = int(table.labels[0]), int(table.labels[-1])
    require(
        alphabets.dim() == 1 and 0 <= lowest <= highest < len(alphabets),
        f"alphabets have shape {tuple(alphabets.shape)}: labels lie between {lowest} and {highest}, "
        f"and each from 0 on needs its alphabet",
    )
    return alphabets.to(table.labels.device)[table.labels]
