"""Small harvests whose states are what a test wants them to be."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from datamodules.harvest_files import FORMAT

BLOCKS, CONTEXTS, EXPOSURES, PULLS, SIZE, BITS = 10, 6, 2, 3, 4, 5
EPISODES = CONTEXTS * EXPOSURES


def harvest_arrays(fixed_labels: bool = True, spread: float = 0.05, **provenance: Any) -> dict[str, Any]:
    """The arrays of a harvest of 10 blocks with 6 contexts, 2 exposures and 3 pulls.

    States lie around a point of their own for each context, and are else different from each other; episodes come in
    random order. Without fixed labels the contexts of each block have points of their own.
    """
    generator = np.random.default_rng(0)
    label = np.concatenate([generator.permutation(np.arange(CONTEXTS).repeat(EXPOSURES)) for _ in range(BLOCKS)])
    block = np.arange(BLOCKS).repeat(EPISODES)
    owner = label if fixed_labels else block * CONTEXTS + label
    centres = generator.normal(size=(BLOCKS * CONTEXTS, SIZE)) * 5
    noise = generator.normal(size=(2, len(label), PULLS, SIZE)) * spread
    cues = generator.permutation(2**BITS)[: BLOCKS * CONTEXTS] if fixed_labels else np.arange(BLOCKS * CONTEXTS)
    exposure = [(label[:n][block[:n] == block[n]] == label[n]).sum() + 1 for n in range(len(label))]
    described = {
        "format": FORMAT,
        "checkpoint": "0" * 64,
        "config": "model: {}\n",
        "label_count": CONTEXTS,
        "fixed_labels": fixed_labels,
        "hidden_size": SIZE,
        "pulls": PULLS,
        "arms": 2,
    }
    return {
        "cell": (centres[owner][:, None] + noise[0]).astype(np.float16),
        "hidden": (-centres[owner][:, None] + noise[1]).astype(np.float16),
        "label": label.astype(np.int32),
        "exposure": np.array(exposure, np.int16),
        "block": block.astype(np.int32),
        "episode": np.tile(np.arange(EPISODES), BLOCKS).astype(np.int16),
        "cue": ((cues[owner][:, None] >> np.arange(BITS + 1)) & 1).astype(np.float16),
        "action": generator.integers(2, size=(len(label), PULLS)).astype(np.uint8),
        "reward": generator.integers(2, size=(len(label), PULLS)).astype(np.uint8),
        "provenance": np.array(json.dumps({**described, **provenance})),
    }


def save_harvest(path: Path, arrays: dict[str, Any] | None = None) -> str:
    """Write a harvest's arrays; its path."""
    np.savez(path, **(harvest_arrays() if arrays is None else arrays))
    return str(path)


def clusters_of(labels: torch.Tensor, others: torch.Tensor) -> bool:
    """Whether two labellings `[N]` say the same but for their numbers."""
    pairs = torch.stack([labels, others]).unique(dim=1)
    return len(pairs.T) == len(labels.unique()) == len(others.unique())
