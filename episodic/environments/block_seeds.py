"""Which block an environment plays next."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from episodic.environments.block_play import BlockPlay
from episodic.errors import require


def next_block_seed(
    play: BlockPlay, generator: np.random.Generator, seed: int | None, options: Mapping[str, Any] | None
) -> int | None:
    """Return the seed of the block to begin, or None to continue with the next episode of the present block.

    Raises:
        InputError: `options["block_seed"]` is no integer of at least 0 and below 2^63.
    """
    given = (options or {}).get("block_seed")
    if given is not None:
        valid = isinstance(given, int | np.integer) and 0 <= int(given) < 2**63
        require(valid, f"block_seed is {given!r}: it must be an integer of at least 0 and below 2^63")
        return int(given)
    if seed is None and play.unit == "episode" and not play.block_over:
        return None
    return int(generator.integers(2**63 - 1))
