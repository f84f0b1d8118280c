"""Harvest files: the states of an agent's LSTM and their contexts.

`callbacks.harvest_writer` writes a harvest of N episodes of T pulls by an LSTM of width H with cues of length C:

| array | | |
|---|---|---|
| `cell`, `hidden` | `[N, T, H]` float16 | the state after each pull, without the reinstatement at that pull |
| `label` | `[N]` int32 | the context |
| `exposure` | `[N]` int16 | number of the context's exposure in its block, from 1 |
| `block` | `[N]` int32 | a number for each environment of each block |
| `episode` | `[N]` int16 | position in the block, from 0 |
| `cue` | `[N, C]` float16 | |
| `action` | `[N, T]` uint8 | |
| `reward` | `[N, T]` uint8 | float16 if it is not 0 or 1 |
| `provenance` | text | JSON, see `Provenance` |

Of a task whose episodes meet many contexts (`TwoStep`), N counts the meetings, and T is 1: the step of a read or of a
write (`episodic.agents.harvest`).
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypedDict, cast

import numpy as np
import torch
from torch import Tensor

from episodic.archives import require_honest_sizes
from episodic.errors import InputError, require, require_choice

#: The only format so far.
FORMAT = "harvest-1"
#: The states that an encoder can be trained on.
STATES = ("cell", "hidden")
#: Types of stored integers, unless a number is too large for its type.
INTEGERS: dict[str, type[np.integer[Any]]] = {
    "label": np.int32,
    "exposure": np.int16,
    "block": np.int32,
    "episode": np.int16,
    "action": np.uint8,
}
#: Labels that a small harvest may have; a larger one may have as many as episodes.
MOST_LABELS = 100_000


class Provenance(TypedDict):
    """The origin of a harvest, and its sizes."""

    format: str  # `FORMAT`
    checkpoint: str  # SHA-256 of the agent's checkpoint file
    config: str  # YAML of the agent's run, without paths
    label_count: int  # labels are below it
    fixed_labels: bool  # whether a label means the same context in every block
    hidden_size: int  # H
    pulls: int  # T
    arms: int


class Harvest(NamedTuple):
    """The content of a harvest file; integers such as labels and exposures are long."""

    cell: Tensor  # [N, T, H] float16; [N, T, 0] if it was not read
    hidden: Tensor  # [N, T, H] float16; [N, T, 0] if it was not read
    label: Tensor  # [N] long
    exposure: Tensor  # [N] long, from 1
    block: Tensor  # [N] long
    episode: Tensor  # [N] long, from 0
    cue: Tensor  # [N, C] float16
    action: Tensor  # [N, T] uint8
    reward: Tensor  # [N, T] uint8 or float16
    provenance: Provenance


def read_harvest(path: str, states: Sequence[str] = STATES) -> Harvest:
    """Read a harvest; its content is never executed.

    Args:
        path: Path of the file.
        states: States to read; they make up nearly all of a file.

    Raises:
        InputError: The file is missing, damaged, no harvest, or of another format; its arrays do not fit together.
    """
    for state in states:
        require_choice("state", state, STATES)
    wanted = [name for name in Harvest._fields if name not in STATES or name in states]
    arrays = _read_arrays(path, wanted)
    provenance = _read_provenance(path, str(arrays.pop("provenance")))
    count, pulls, size = arrays["label"].size, provenance["pulls"], provenance["hidden_size"]
    _check_shapes(path, arrays, count, pulls, size)
    whole = {name: array.astype(np.int64) for name, array in arrays.items() if array.ndim == 1}
    tensors = {name: torch.from_numpy(array) for name, array in {**arrays, **whole}.items()}
    _check_values(path, tensors, provenance)
    unread = {name: torch.empty(count, pulls, 0, dtype=torch.half) for name in STATES if name not in states}
    return Harvest(**tensors, **unread, provenance=provenance)


def _read_arrays(path: str, names: Sequence[str]) -> dict[str, Any]:
    remedy = "`python cli.py predict --ckpt_path RUN/checkpoints/best.ckpt` with an agent writes one"
    require(os.path.exists(path), f"harvest {path} does not exist: {remedy}")
    require(os.path.isfile(path), f"harvest {path} is not a file: {remedy}")
    try:
        require_honest_sizes(path, f"harvest {path}")
        with np.load(path, allow_pickle=False) as stored:
            missing = [name for name in names if name not in stored]
            require(not missing, f"harvest {path} is not a harvest: it lacks {', '.join(missing)}; {remedy}")
            return {name: np.asarray(stored[name]) for name in names}
    except InputError:
        raise
    except Exception as error:  # the errors of damaged bytes have no common base
        raise InputError(f"harvest {path} is damaged or not a harvest: {remedy}") from error


def _read_provenance(path: str, text: str) -> Provenance:
    try:
        provenance = json.loads(text)
    except ValueError as error:
        raise InputError(f"harvest {path} is damaged: its provenance is not JSON") from error
    require(isinstance(provenance, Mapping), f"harvest {path} is damaged: its provenance is not a mapping")
    name = provenance.get("format")
    require(name == FORMAT, f"harvest {path} has format {name!r}: only {FORMAT!r} can be read")
    for key, kind in Provenance.__annotations__.items():
        require(type(provenance.get(key)) is kind, f"harvest {path} is damaged: its provenance has no valid {key}")
    return cast(Provenance, dict(provenance))


def _check_shapes(path: str, arrays: Mapping[str, Any], count: int, pulls: int, size: int) -> None:
    """Raise `InputError` unless the arrays have the right shapes and types."""
    require(count > 0, f"harvest {path} contains no episode: predict with data.predict_blocks above 0")
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(STATES, (count, pulls, size))
    shapes |= dict.fromkeys(("label", "exposure", "block", "episode"), (count,))
    shapes |= dict.fromkeys(("action", "reward"), (count, pulls))
    for name, array in arrays.items():
        wanted = shapes.get(name, (count, *array.shape[-1:]))
        require(
            array.shape == wanted, f"harvest {path} is damaged: {name} has shape {array.shape}: it must be {wanted}"
        )
        kinds = "f" if name in (*STATES, "cue") else "fiu" if name == "reward" else "iu"
        require(array.dtype.kind in kinds, f"harvest {path} is damaged: {name} has type {array.dtype}")


def _check_values(path: str, tensors: Mapping[str, Tensor], provenance: Provenance) -> None:
    """Raise `InputError` if states are not finite, or labels or exposures are out of range."""
    for name in (*STATES, "cue"):
        finite = name not in tensors or bool(tensors[name].sum(dtype=torch.float64).isfinite())
        require(finite, f"harvest {path} is damaged: {name} contains numbers that are not finite")
    labels, count = tensors["label"], provenance["label_count"]
    most = max(MOST_LABELS, len(labels))
    require(0 < count <= most, f"harvest {path} is damaged: it claims {count} labels: at most {most} are possible")
    require(
        bool(((labels >= 0) & (labels < count)).all()),
        f"harvest {path} is damaged: its labels must lie between 0 and {count - 1}",
    )
    require(bool((tensors["exposure"] > 0).all()), f"harvest {path} is damaged: exposures count from 1")
