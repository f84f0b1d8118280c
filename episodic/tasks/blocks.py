"""Block specifications: everything about a block that is fixed before anyone plays it."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

SPLITS = ("train", "val", "test", "predict")


class BlockSpec(NamedTuple):
    """A block of E episodes of T steps in each of B environments, before anyone plays it.

    A specification is a pure function of (seed, split, rank, index). Every player of a block faces the same contexts
    in the same order and has the same luck at the same step.
    """

    cues: Tensor  # [E, B, C], or [E, T, B, C] if the cue changes within an episode
    labels: Tensor  # [E, B] long, the identity of each episode's context, below the task's `label_count`
    exposures: Tensor  # [E, B] long, how often the context has occurred in the block, from 1
    seed: int  # seeds the luck, and the players' random choices
    rules: Any = None  # a NamedTuple special to the task: arms, goals, transitions
    drawings: Tensor | None = None  # [E, B] or [E, T, B] long, rows of a table of drawings, to be turned into cues
    queries: Tensor | None = None  # [E, 1 or T, B, K]; None: the cues
    keys: Tensor | None = None  # [E, 1, N or T, B, W, K], W keys for each of N writes; None: the step's query
    query_labels: Tensor | None = None  # [E, T, B] long, the label that a read should recall; None: the episode's
    key_labels: Tensor | None = None  # [E, 1, N or T, B, W] long, the labels of the keys; None: the episode's

    @property
    def episodes(self) -> int:
        """Number of episodes E."""
        return self.labels.shape[0]

    @property
    def batch_size(self) -> int:
        """Number of environments B."""
        return self.labels.shape[1]

    def to(self, device: torch.device | str) -> "BlockSpec":
        """Move all tensors to a device, those of the rules included."""
        moved: dict[str, Any] = {
            name: part.to(device) for name, part in self._asdict().items() if isinstance(part, Tensor)
        }
        if self.rules is not None:
            moved["rules"] = type(self.rules)(*(part.to(device) for part in self.rules))
        return self._replace(**moved)


def block_seed(seed: int, split: str, rank: int, index: int) -> int:
    """Return the seed of a block, below 2^63 and unrelated to those of other splits, ranks and indices.

    >>> block_seed(0, "test", rank=0, index=0) == block_seed(0, "val", rank=0, index=0)
    False
    """
    sequence = np.random.SeedSequence([seed, SPLITS.index(split), rank, index])
    return int(sequence.generate_state(1, np.uint64)[0] >> np.uint64(1))


def seeded(seed: int, stream: int, device: torch.device | str = "cpu") -> torch.Generator:
    """Create the generator of one of a block's random streams, unrelated to its other streams.

    Streams of a block: 0 the block itself, 1 luck, 2 the players' choices, 3 noise on the cues, 6 its drawings,
    7 the guesses of `bayes_rewards`.
    Streams of other seeds: 4 the codes of a vocabulary, 5 the search for a codebook.

    >>> one, other = seeded(1, stream=0), seeded(1, stream=1)
    >>> torch.equal(torch.rand(3, generator=one), torch.rand(3, generator=other))
    False
    """
    # torch's CPU generator uses only 32 bits of a seed; hashing spreads all 63 over them.
    state = np.random.SeedSequence([seed, stream]).generate_state(1, np.uint64)[0]
    return torch.Generator(device).manual_seed(int(state >> np.uint64(1)))


def shuffled_bag(batch: int, contexts: int, copies: int, generator: torch.Generator) -> Tensor:
    """Empty a bag with `copies` of each context in random order -> `[B, contexts * copies]` long.

    >>> shuffled_bag(1, contexts=3, copies=2, generator=seeded(0, 0)).sort().values
    tensor([[0, 0, 1, 1, 2, 2]])
    """
    bag = torch.arange(contexts).repeat(copies)
    draw = torch.rand(batch, contexts * copies, generator=generator).argsort(dim=1)
    return bag[draw]


def blackwell_macqueen_urn(
    batch: int, contexts: int, draws: int, concentration: float, generator: torch.Generator
) -> Tensor:
    """Draw contexts from a Blackwell-MacQueen urn over equally likely contexts -> `[B, draws]` long.

    Blackwell and MacQueen 1973; Ritter et al. 2018, equation 2, with a uniform base distribution over C contexts:
    P(c at draw n + 1) = (concentration / C + n_c) / (concentration + n), where n_c counts earlier draws of c.
    The concentration is finite and above 0.

    >>> blackwell_macqueen_urn(2, contexts=5, draws=8, concentration=1.0, generator=seeded(0, 0)).shape
    torch.Size([2, 8])
    """
    n = torch.arange(draws, dtype=torch.float64)
    from_base = torch.rand(batch, draws, generator=generator, dtype=torch.float64) < concentration / (concentration + n)
    fresh = torch.randint(contexts, (batch, draws), generator=generator)
    earlier = (torch.rand(batch, draws, generator=generator, dtype=torch.float64) * n).long()
    # Each draw comes from the base or repeats an earlier draw. Each pass doubles the length of the links.
    source = torch.where(from_base, torch.arange(draws), earlier)
    for _ in range(draws.bit_length()):
        source = source.gather(1, source)
    return fresh.gather(1, source)


def count_exposures(contexts: Tensor) -> Tensor:
    """Count how often each context has occurred so far, itself included: `[B, E]` long -> `[B, E]` long.

    >>> count_exposures(torch.tensor([[2, 0, 2, 2]]))
    tensor([[1, 1, 2, 3]])
    """
    seen = torch.nn.functional.one_hot(contexts).cumsum(dim=1)
    return seen.gather(2, contexts.unsqueeze(-1)).squeeze(-1)
