"""Block specifications: everything that is fixed about a block before anybody plays it."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

SPLITS = ("train", "val", "test", "predict")


class BlockSpec(NamedTuple):
    """A block of E episodes of T steps in each of B environments: all that is fixed before anybody plays it.

    It is a pure function of (seed, split, rank, index). Every player of the block meets the same contexts in the same
    order and has the same luck at the same step.
    """

    cues: Tensor  # [E, B, C], or [E, T, B, C] where the cue changes within an episode
    labels: Tensor  # [E, B] long, the identity of each episode's context, below the task's `label_count`
    exposures: Tensor  # [E, B] long, how many times the context has been met, from 1
    seed: int  # of the luck, and of the noise in the choices of whoever plays
    rules: Any = None  # a NamedTuple of the task's own: arms, goals, transitions
    drawings: Tensor | None = None  # [E, B] long, rows of a table of drawings, from which the agent makes the cues
    queries: Tensor | None = None  # [E, 1 or T, B, K]; None: the cues
    keys: Tensor | None = None  # [E, 1 or T, B, W, K], W keys a write; None: the query of the step
    query_labels: Tensor | None = None  # [E, T, B] long, the label that a read should recall; None: the episode's
    key_labels: Tensor | None = None  # [E, 1 or T, B, W] long, the labels of the keys; None: the episode's

    @property
    def episodes(self) -> int:
        """Number of episodes E."""
        return self.labels.shape[0]

    @property
    def batch_size(self) -> int:
        """Number of environments B."""
        return self.labels.shape[1]


def block_seed(seed: int, split: str, rank: int, index: int) -> int:
    """A seed below 2^63 for the block, unrelated to those of other splits, ranks and indices."""
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), rank, index])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def seeded(seed: int, stream: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator for one of a block's streams of random numbers, unrelated to those of its other streams.

    Streams: 0 the block itself, 1 the luck of the pulls, 2 the choices of whoever plays, 3 the noise on the cues,
    6 its drawings; and of seeds that belong to no block, 4 the codes of a vocabulary, 5 the search for a codebook.
    """
    # torch's CPU generator looks at 32 bits of a seed only; hashing spreads all 63 over them.
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def shuffled_bag(batch: int, contexts: int, copies: int, generator: torch.Generator) -> Tensor:
    """Draw without replacement from a bag with `copies` of each context -> `[B, contexts * copies]` long."""
    bag = torch.arange(contexts).repeat(copies)
    draw = torch.rand(batch, contexts * copies, generator=generator).argsort(dim=1)
    return bag[draw]


def blackwell_macqueen_urn(
    batch: int, contexts: int, draws: int, concentration: float, generator: torch.Generator
) -> Tensor:
    """Draw contexts from a Blackwell-MacQueen urn over evenly likely contexts -> `[B, draws]` long.

    Blackwell and MacQueen 1973; Ritter et al. 2018, equation 2, with a uniform base distribution over C contexts:
    P(c at draw n + 1) = (concentration / C + n_c) / (concentration + n), n_c how often c was drawn before.
    The concentration is finite and above 0.
    """
    n = torch.arange(draws, dtype=torch.float64)
    from_base = torch.rand(batch, draws, generator=generator, dtype=torch.float64) < concentration / (concentration + n)
    fresh = torch.randint(contexts, (batch, draws), generator=generator)
    earlier = (torch.rand(batch, draws, generator=generator, dtype=torch.float64) * n).long()
    # A draw comes from the base, or repeats an earlier one. Each step doubles how far back these links reach.
    source = torch.where(from_base, torch.arange(draws), earlier)
    for _ in range(draws.bit_length()):
        source = source.gather(1, source)
    return fresh.gather(1, source)


def count_exposures(contexts: Tensor) -> Tensor:
    """How many times each context has been met so far, itself included: `[B, E]` long -> `[B, E]` long."""
    seen = torch.nn.functional.one_hot(contexts).cumsum(dim=1)
    return seen.gather(2, contexts.unsqueeze(-1)).squeeze(-1)
