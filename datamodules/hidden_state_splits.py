"""Which of a harvest's episodes are trained on, validated on and tested on."""

from typing import NamedTuple

import torch
from torch import Tensor

from datamodules.harvest_files import Harvest
from datamodules.sampling import epoch_permutation
from episodic.errors import require

SPLITS = ("block", "context")


class EpisodeSplit(NamedTuple):
    """Episodes by number, `[n]` long and in the order of the harvest, and a label for every episode of it."""

    train: Tensor
    val: Tensor
    test: Tensor
    labels: Tensor  # [N] long
    classes: int  # training labels are below it


def block_split(harvest: Harvest, held_out: float, seed: int) -> EpisodeSplit:
    """Share out whole blocks: every part has the contexts of all others, in episodes of its own.

    Where labels mean another context in every block, each context of each block has a label of its own.

    Args:
        harvest: N episodes.
        held_out: share of the blocks for validation, and as much again for the test.
        seed: of the choice.

    Raises:
        InputError: too few blocks for three parts.
    """
    blocks, owner = harvest.block.unique(return_inverse=True)
    held = max(1, round(len(blocks) * held_out))
    require(
        len(blocks) > 2 * held,
        f"the harvest has {len(blocks)} blocks: with {held} each for validation and test none is left for training",
    )
    labels, classes = harvest.label, harvest.provenance["label_count"]
    if not harvest.provenance["fixed_labels"]:
        own, labels = (owner * classes + labels).unique(return_inverse=True)
        classes = len(own)
    return EpisodeSplit(*_shared_out(owner, len(blocks), held, seed), labels, classes)


def context_split(harvest: Harvest, held_out: float, seed: int) -> EpisodeSplit:
    """Share out the contexts, with all their episodes: none that is trained on is validated or tested on.

    The contexts of the training are numbered from 0, those of validation and test after them.

    Args:
        harvest: N episodes.
        held_out: share of the contexts for validation, and as much again for the test; two at least.
        seed: of the choice.

    Raises:
        InputError: labels that mean another context in every block; too few contexts for three parts.
    """
    require(
        harvest.provenance["fixed_labels"],
        "split is 'context': that needs labels that mean the same context in every block, as an agent's with "
        "data.vocabulary have",
    )
    contexts, owner = harvest.label.unique(return_inverse=True)
    held = max(2, round(len(contexts) * held_out))
    require(
        len(contexts) >= 2 * held + 2,
        f"the harvest has {len(contexts)} contexts: with {held} each for validation and test fewer than two are left "
        "for training",
    )
    parts = _shared_out(owner, len(contexts), held, seed)
    numbered = torch.cat([owner[part].unique() for part in parts]).argsort()
    return EpisodeSplit(*parts, numbered[owner], len(contexts) - 2 * held)


def _shared_out(owner: Tensor, owners: int, held: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """The episodes of training, validation and test: `held` owners each go to the last two, chosen at random."""
    place = epoch_permutation(owners, seed, 0).argsort()[owner]
    chosen = (place >= 2 * held, place < held, (place >= held) & (place < 2 * held))
    train, val, test = (part.nonzero().squeeze(1) for part in chosen)
    return train, val, test
