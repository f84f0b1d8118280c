"""The episodes of a harvest that train, validate and test."""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from datamodules.harvest_files import Harvest
from datamodules.sampling import epoch_permutation
from episodic.errors import require, require_choice, require_seed

UNITS = ("block", "context")


class EpisodeSplit(NamedTuple):
    """Episodes by number, `[n]` long in the order of the harvest, and a label for each of the harvest's N episodes."""

    train: Tensor
    val: Tensor
    test: Tensor
    labels: Tensor  # [N] long
    classes: int  # training labels are below it


@dataclass(frozen=True)
class HarvestSplit:
    """A rule that splits the episodes of a harvest; it depends on `seed`, never on the run's seed.

    Args:
        by: `block` holds out whole blocks, so that all parts share their contexts; `context` holds out contexts, so
            that no validation or test context is trained on.
        held_out: Share of the blocks or contexts for validation, and the same again for the test.
        seed: Seed of the choice.

    Raises:
        InputError: `by` is unknown, or a number is out of range.

    >>> HarvestSplit(by="context", held_out=0.3)
    HarvestSplit(by='context', held_out=0.3, seed=0)
    """

    by: str = "block"
    held_out: float = 0.15
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("split.by", self.by, UNITS)
        require(0 < self.held_out < 0.5, f"held_out is {self.held_out}: it must be above 0 and below 0.5")
        require_seed(**{"split.seed": self.seed})

    def __call__(self, harvest: Harvest) -> EpisodeSplit:
        """Split a harvest.

        Raises:
            InputError: The harvest is too small for three parts; contexts are split but labels mean another context
                in every block.
        """
        rule = block_split if self.by == "block" else context_split
        return rule(harvest, self.held_out, self.seed)


def block_split(harvest: Harvest, held_out: float, seed: int) -> EpisodeSplit:
    """Split whole blocks: all parts share their contexts, in different episodes.

    If labels mean another context in every block, each context of each block gets its own label.

    Args:
        harvest: N episodes.
        held_out: Share of the blocks for validation, and the same again for the test.
        seed: Seed of the choice.

    Raises:
        InputError: There are too few blocks for three parts.
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
    return EpisodeSplit(*_share_out(owner, len(blocks), held, seed), labels, classes)


def context_split(harvest: Harvest, held_out: float, seed: int) -> EpisodeSplit:
    """Split contexts with all their episodes: no training context is validated or tested on.

    Training contexts are numbered from 0, followed by those of validation and test.

    Args:
        harvest: N episodes.
        held_out: Share of the contexts for validation, and the same again for the test; at least two each.
        seed: Seed of the choice.

    Raises:
        InputError: Labels mean another context in every block, or there are too few contexts for three parts.
    """
    require(
        harvest.provenance["fixed_labels"],
        "split.by is 'context': labels must mean the same context in every block, as with an agent's data.vocabulary",
    )
    contexts, owner = harvest.label.unique(return_inverse=True)
    held = max(2, round(len(contexts) * held_out))
    require(
        len(contexts) >= 2 * held + 2,
        f"the harvest has {len(contexts)} contexts: with {held} each for validation and test fewer than two are left "
        "for training",
    )
    parts = _share_out(owner, len(contexts), held, seed)
    numbered = torch.cat([owner[part].unique() for part in parts]).argsort()
    return EpisodeSplit(*parts, numbered[owner], len(contexts) - 2 * held)


def _share_out(owner: Tensor, owners: int, held: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Choose the episodes of training, validation and test: `held` random owners each for the last two."""
    rank = epoch_permutation(owners, seed, 0).argsort()[owner]
    chosen = (rank >= 2 * held, rank < held, (rank >= held) & (rank < 2 * held))
    train, val, test = (part.nonzero().squeeze(1) for part in chosen)
    return train, val, test
