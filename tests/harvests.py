"""A harvest that nobody harvested: states that lie about a centre for each context, further away pull by pull."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from datamodules.harvest_files import FORMAT


def generated_harvest(
    path: Path,
    *,
    contexts: int = 4,
    blocks: int = 8,
    exposures: int = 2,
    pulls: int = 3,
    size: int = 6,
    noise: float = 0.3,
    fixed_labels: bool = True,
    seed: int = 0,
    **changed: Any,
) -> Path:
    """Write a harvest of `blocks * contexts * exposures` episodes.

    Args:
        path: the file.
        contexts: in every block, and as many labels.
        blocks: each with every context.
        exposures: of each context in a block.
        pulls: of an episode.
        size: length H of a state.
        noise: standard deviation about the centre, whose own is 1; times the square root of the pull.
        fixed_labels: what the provenance says.
        seed: of the centres and of the noise.
        changed: arrays in place of those that were made.
    """
    random = np.random.default_rng(seed)
    length = contexts * exposures
    order = np.stack([random.permutation(np.repeat(np.arange(contexts), exposures)) for _ in range(blocks)])
    label = order.reshape(-1)
    met = order[:, :, None] == order[:, None, :]
    exposure = np.tril(met).sum(axis=2).reshape(-1)
    centre = random.normal(size=(contexts, size))
    spread = noise * np.sqrt(np.arange(1, pulls + 1))[:, None]
    cell = centre[label][:, None, :] + spread * random.normal(size=(len(label), pulls, size))
    provenance = {
        "format": FORMAT,
        "checkpoint": "0" * 64,
        "config": "model: {}\n",
        "label_count": contexts,
        "fixed_labels": fixed_labels,
        "hidden_size": size,
        "pulls": pulls,
        "arms": 2,
    }
    arrays = {
        "cell": cell.astype(np.float16),
        "hidden": np.tanh(cell).astype(np.float16),
        "label": label.astype(np.int32),
        "exposure": exposure.astype(np.int16),
        "block": np.repeat(np.arange(blocks), length).astype(np.int32),
        "episode": np.tile(np.arange(length), blocks).astype(np.int16),
        "cue": np.eye(contexts)[label].astype(np.float16),
        "action": np.zeros((len(label), pulls), np.uint8),
        "reward": np.ones((len(label), pulls), np.uint8),
        "provenance": np.array(json.dumps(provenance)),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{**arrays, **changed})
    return path
