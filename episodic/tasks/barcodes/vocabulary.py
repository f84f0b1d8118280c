"""The barcodes of a block's contexts: new ones for each block, or drawn from a vocabulary of fixed barcodes.

With a vocabulary, a context's label is its barcode's number, the same in every block. Then an encoder can be trained to
tell the labels apart.
"""

from functools import lru_cache

import torch
from torch import Tensor

from episodic.errors import require, require_seed
from episodic.tasks.barcodes.clusters import ClusterRule, clustered_barcodes
from episodic.tasks.barcodes.codes import check_code_count, distinct_barcodes
from episodic.tasks.blocks import seeded


def check_vocabulary(vocabulary: int | None, seed: int, bits: int, contexts: int, holders: str = "contexts") -> None:
    """Raise `InputError` unless blocks can draw so many barcodes.

    >>> check_vocabulary(vocabulary=50, seed=0, bits=10, contexts=10)
    """
    require_seed(vocabulary_seed=seed)
    if vocabulary is None:
        check_code_count(contexts, bits, holders)
        return
    require(
        vocabulary >= contexts, f"vocabulary is {vocabulary}: it must be at least the number of {holders}, {contexts}"
    )
    check_code_count(vocabulary, bits, "vocabulary entries")


def draw_identities(batch: int, contexts: int, vocabulary: int | None, generator: torch.Generator) -> Tensor:
    """Return the contexts' numbers, or draw numbers from the vocabulary without replacement -> `[B, C]` long."""
    if vocabulary is None:
        return torch.arange(contexts).expand(batch, -1)
    return torch.rand(batch, vocabulary, generator=generator).argsort(dim=1)[:, :contexts]


def draw_barcodes(
    identities: Tensor,
    bits: int,
    vocabulary: int | None,
    seed: int,
    generator: torch.Generator,
    rule: ClusterRule | None = None,
) -> Tensor:
    """Draw new barcodes, or look up those of the vocabulary, for identities `[B, C]` -> `[B, C, bits]`.

    >>> identities = draw_identities(2, 3, None, seeded(0, 0))
    >>> draw_barcodes(identities, 10, None, 0, seeded(0, 0)).shape
    torch.Size([2, 3, 10])
    """
    if vocabulary is None:
        batch, contexts = identities.shape
        return _draw_codes(batch, contexts, bits, rule, generator)
    return fixed_barcodes(vocabulary, bits, rule, seed)[identities]


@lru_cache(maxsize=8)
def fixed_barcodes(codes: int, bits: int, rule: ClusterRule | None, seed: int) -> Tensor:
    """Draw the barcodes of a vocabulary, `[codes, bits]`: a pure function of the arguments.

    >>> fixed_barcodes(codes=50, bits=10, rule=None, seed=0).shape
    torch.Size([50, 10])
    """
    return _draw_codes(1, codes, bits, rule, seeded(seed, 4)).squeeze(0)


def _draw_codes(batch: int, codes: int, bits: int, rule: ClusterRule | None, generator: torch.Generator) -> Tensor:
    """Draw distinct barcodes, in clusters if there is a rule -> `[B, codes, bits]`."""
    if rule is None:
        return distinct_barcodes(batch, codes, bits, generator)
    return clustered_barcodes(batch, codes, bits, rule, generator)
