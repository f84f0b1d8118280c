"""Harvests are read as they were written, and what is wrong with one is said in one line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from datamodules.harvest_files import STATES, Harvest, read_harvest
from episodic.errors import InputError
from tests.datamodules.harvests import harvest_arrays, save_harvest


def test_a_harvest_is_read_as_it_was_written(tmp_path: Path) -> None:
    arrays = harvest_arrays()
    harvest = read_harvest(save_harvest(tmp_path / "harvest.npz", arrays))
    assert set(arrays) == set(Harvest._fields)
    for name, array in arrays.items():
        if name == "provenance":
            assert harvest.provenance == json.loads(str(array))
            continue
        found = getattr(harvest, name)
        assert torch.equal(found, torch.from_numpy(array).to(found.dtype))
        assert found.dtype == (torch.long if array.ndim == 1 else torch.from_numpy(array).dtype)


@pytest.mark.parametrize("states", [(), ("cell",), ("hidden",)])
def test_states_that_are_not_asked_for_stay_empty(tmp_path: Path, states: tuple[str, ...]) -> None:
    path = save_harvest(tmp_path / "harvest.npz")
    whole, part = read_harvest(path), read_harvest(path, states)
    for name in Harvest._fields[:-1]:
        expected = getattr(whole, name)
        expected = expected[..., :0] if name in STATES and name not in states else expected
        assert torch.equal(getattr(part, name), expected)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "lacks": ({"label": None, "cue": None}, "is not a harvest: it lacks label, cue; `python cli.py predict"),
    "other format": ({"format": "harvest-9"}, "has format 'harvest-9': only 'harvest-1' can be read"),
    "provenance lacks": ({"pulls": None}, "is damaged: its provenance has no valid pulls"),
    "provenance is no number": ({"arms": "two"}, "is damaged: its provenance has no valid arms"),
    "no JSON": ({"provenance": np.array("{")}, "is damaged: its provenance is not JSON"),
    "a list": ({"provenance": np.array("[]")}, "is damaged: its provenance is not a mapping"),
    "another width": ({"hidden_size": 9}, r"cell has shape \(120, 3, 4\): it must be \(120, 3, 9\)"),
    "fewer labels": ({"label": np.zeros(7, np.int32)}, r"it must be \(7, 3, 4\)"),
    "no episode": ({"label": np.zeros(0, np.int32)}, "contains no episode"),
    "a number": ({"label": np.array(1)}, "is damaged: "),
    "fewer pulls": ({"action": np.zeros((120, 2), np.uint8)}, r"action has shape \(120, 2\)"),
    "flat cues": ({"cue": np.zeros(120)}, r"cue has shape"),
    "words": ({"episode": np.array(["a"] * 120)}, "episode has type <U1"),
    "whole states": ({"hidden": np.zeros((120, 3, 4), np.int32)}, "hidden has type int32"),
    "not finite": ({"cell": np.full((120, 3, 4), np.inf, np.float16)}, "cell contains numbers that are not finite"),
    "labels above": ({"label_count": 5}, "its labels must lie between 0 and 4"),
    "labels below": ({"label": np.full(120, -1)}, "its labels must lie between 0 and 5"),
    "exposures from 0": ({"exposure": np.zeros(120, np.int16)}, "exposures count from 1"),
    "pickles": ({"label": np.array([{}] * 120)}, "is damaged: label holds objects"),
}


@pytest.mark.parametrize("case", CHANGES)
def test_what_is_wrong_with_a_harvest_is_said(case: str, tmp_path: Path) -> None:
    changes, message = CHANGES[case]
    arrays = harvest_arrays()
    provenance = json.loads(str(arrays["provenance"]))
    provenance |= {name: value for name, value in changes.items() if name not in arrays}
    arrays["provenance"] = np.array(json.dumps(provenance))
    arrays |= changes
    kept = {name: array for name, array in arrays.items() if array is not None and name in Harvest._fields}
    path = save_harvest(tmp_path / "harvest.npz", kept)
    with pytest.raises(InputError, match=message) as error:
        read_harvest(path)
    assert str(error.value).startswith(f"harvest {path} ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "array", "empty", "cut", "flipped", "zip"])
def test_files_that_are_no_harvest_are_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "harvest.npz"
    save_harvest(path)
    content = bytearray(path.read_bytes())
    if kind == "flipped":
        content[len(content) // 4] ^= 1
        path.write_bytes(content)
    elif kind == "array":
        with path.open("wb") as file:
            np.save(file, np.zeros(3))
    elif kind in ("missing", "folder"):
        path.unlink()
        if kind == "folder":
            path.mkdir()
    else:
        path.write_bytes(
            {"text": b"no harvest", "empty": b"", "cut": bytes(content[:-100]), "zip": b"PK\x03\x04"}[kind]
        )
    messages = {"missing": "does not exist: `python cli.py predict", "folder": "is not a file: `python cli.py predict"}
    with pytest.raises(InputError, match=messages.get(kind, "is damaged or not a harvest")) as error:
        read_harvest(str(path))
    assert "\n" not in str(error.value)


def test_an_unknown_state_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"state is 'gates': it .* one of cell, hidden"):
        read_harvest(save_harvest(tmp_path / "harvest.npz"), states=("gates",))
