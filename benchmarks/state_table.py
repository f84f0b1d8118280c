"""A table of states in the place of an encoder, and what stripping the classifier off costs.

    python benchmarks/state_table.py HARVEST [--cells 2000] [--state cell] [--episodes 20000]

Prints one JSON object.

- `known_exactly`: by pull, the share of held-out blocks' states that occur among the training's to the last bit: those
  that a table, such as `torch.nn.Embedding` has for whole numbers, would have a row for.
- `table_accuracy`: by pull, how often the training's most frequent context of a state's cell is its own, where the
  training's states are gathered into so many cells by k-means: a table of cells, one row each.
- `embed_over_forward`: the time that `embed` takes in training, without the classifier, divided by that of `forward`.
- `copy_over_embed`: what it would take besides to copy the network for the classifier to be cut off, over `embed`.
- `same`: whether `embed` in training gives what the encoder gives after it, to the bit.
"""

import argparse
import copy
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from sklearn.cluster import MiniBatchKMeans
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.arguments import positive
from benchmarks.timing import medians, take_turns
from datamodules.harvest_files import STATES, read_harvest
from datamodules.hidden_state_splits import block_split
from episodic.errors import InputError
from lightning_modules.hidden_state_encoder import HiddenStateEncoder

HELD_OUT, SEED, ROUNDS, BATCH = 0.15, 0, 20, 1024


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("harvest", help="file that `predict` of an agent wrote")
    parser.add_argument("--cells", type=positive, default=2000)
    parser.add_argument("--state", choices=STATES, default="cell")
    parser.add_argument("--episodes", type=positive, default=20_000, help="for training, and a fifth for the test")
    options = parser.parse_args(arguments)
    try:
        harvest = read_harvest(options.harvest, [options.state])
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    split = block_split(harvest, HELD_OUT, SEED)
    states: Tensor = getattr(harvest, options.state)
    train, test = split.train[: options.episodes], split.test[: options.episodes // 5]
    known, accuracy = by_pull(states[train], harvest.label[train], states[test], harvest.label[test], options.cells)
    print(json.dumps({"known_exactly": known, "table_accuracy": accuracy, **stripping(states.shape[-1])}, indent=2))
    return 0


def by_pull(
    states: Tensor, labels: Tensor, others: Tensor, other_labels: Tensor, cells: int
) -> tuple[list[float], list[float]]:
    """Shares of the others' states that are known exactly, and that a table of cells places rightly, by pull.

    Shapes: states `[N, T, H]` float16, labels `[N]` long; the others' in the same way.
    """
    pulls = states.shape[1]
    seen = {row.tobytes() for row in states.flatten(0, 1).numpy()}
    known = [sum(row.tobytes() in seen for row in others[:, pull].numpy()) / len(others) for pull in range(pulls)]
    flat, owners = states.flatten(0, 1).float(), labels.repeat_interleave(pulls)
    means = MiniBatchKMeans(min(cells, len(flat)), batch_size=4096, n_init=1, random_state=SEED).fit(flat.numpy())
    votes = torch.zeros(means.n_clusters, int(labels.max()) + 1)
    votes.index_put_((torch.from_numpy(means.labels_).long(), owners), torch.ones(len(flat)), accumulate=True)
    table = votes.argmax(dim=1)
    nearest = torch.from_numpy(means.predict(others.flatten(0, 1).float().numpy())).long().view(-1, pulls)
    right = (table[nearest] == other_labels.unsqueeze(1)).double().mean(dim=0).tolist()
    return [round(share, 4) for share in known], [round(share, 4) for share in right]


def stripping(width: int, classes: int = 50) -> dict[str, Any]:
    """Times of an encoder in training with and without its classifier, and of a copy whose classifier is cut off."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    encoder = HiddenStateEncoder(input_size=width, classes=classes)
    states = torch.randn(BATCH, width)
    encoder.train().network.eval()  # keys are made in evaluation mode
    during = encoder.embed(states)
    same = bool(torch.equal(during, encoder.eval().embed(states)))
    encoder.train().network.eval()
    calls: dict[str, Callable[[], float]] = {
        "embed": lambda: seconds(lambda: encoder.embed(states)),
        "forward": lambda: seconds(lambda: encoder(states)),
        "copy": lambda: seconds(lambda: copy.deepcopy(encoder.network)),
    }
    with torch.no_grad():
        times = medians(take_turns(calls, ROUNDS), 1e-6)
    return {
        "embed_over_forward": round(times["embed"] / times["forward"], 3),
        "copy_over_embed": round(times["copy"] / times["embed"], 3),
        "same": same,
    }


def seconds(call: Callable[[], object]) -> float:
    """How long a call takes."""
    begun = time.perf_counter()
    call()
    return time.perf_counter() - begun


if __name__ == "__main__":
    sys.exit(main())
