"""Checkpoint files that must not be trusted."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from episodic.checkpoints.reading import read_checkpoint, with_prefix
from episodic.errors import InputError


def checkpoint() -> dict[str, Any]:
    """The content of a stage's checkpoint."""
    return {"state_dict": {"network.weight": torch.ones(3, 2), "head.weight": torch.ones(2)}, "epoch": 3}


def save(content: object, path: Path) -> Path:
    torch.save(content, path)
    return path


def one_line(path: str | Path) -> str:
    """The message of the InputError that reading `path` has to raise."""
    with pytest.raises(InputError) as error:
        read_checkpoint(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


class Trap:
    """An object whose pickle holds a call that leaves a file behind."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Any, ...]]:
        return Path.touch, (self.mark,)


def test_read_checkpoint_gives_everything(tmp_path: Path) -> None:
    content = checkpoint()
    found = read_checkpoint(save(content, tmp_path / "stage.ckpt"))
    assert found.keys() == content.keys()
    assert found["epoch"] == 3
    assert found["state_dict"].keys() == content["state_dict"].keys()


def test_with_prefix_keeps_only_what_is_under_it() -> None:
    state = {"a.x": torch.ones(1), "a.a.y": torch.ones(2), "b.a.x": torch.ones(3), "ax": torch.ones(4)}
    assert {name: len(value) for name, value in with_prefix(state, "a.").items()} == {"x": 1, "a.y": 2}


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.9, 0.999])
def test_truncated_file(share: float, tmp_path: Path) -> None:
    path = save(checkpoint(), tmp_path / "stage.ckpt")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "damaged" in one_line(path)


def test_text_file(tmp_path: Path) -> None:
    path = tmp_path / "notes.ckpt"
    path.write_text("not a checkpoint\n" * 20)
    assert "damaged" in one_line(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("length", [1, 10, 100, 1000])
def test_random_bytes(length: int, tmp_path: Path) -> None:
    # Whatever the bytes make the reader stumble over, the user is told the same.
    source, path = random.Random(length), tmp_path / "noise.ckpt"
    for _ in range(40):
        path.write_bytes(source.randbytes(length))
        one_line(path)


def test_random_bytes_are_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "noise.ckpt"
    path.write_bytes(random.Random(0).randbytes(1000))
    assert "damaged" in one_line(path)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("how", ["beside", "inside", "bare", "plain pickle"])
def test_code_in_a_checkpoint_is_not_run(how: str, tmp_path: Path) -> None:
    path, mark = tmp_path / "trap.ckpt", tmp_path / "mark"
    content = checkpoint()
    if how == "beside":
        save({**content, "extra": Trap(mark)}, path)
    elif how == "inside":
        save({**content, "state_dict": {**content["state_dict"], "trap": Trap(mark)}}, path)
    elif how == "bare":
        save(Trap(mark), path)
    else:
        path.write_bytes(pickle.dumps(Trap(mark)))
    assert "its code" in one_line(path)
    assert not mark.exists()
    # The trap is a real one.
    torch.load(path, weights_only=False) if how != "plain pickle" else pickle.loads(path.read_bytes())
    assert mark.exists()


@pytest.mark.parametrize("content", [{"weights": {}}, {"state_dict": 3}, [1, 2], torch.ones(2)], ids=str)
def test_something_else_than_a_checkpoint(content: object, tmp_path: Path) -> None:
    assert "no state_dict" in one_line(save(content, tmp_path / "other.ckpt"))


def test_a_weight_whose_name_is_a_number(tmp_path: Path) -> None:
    content = checkpoint()
    content["state_dict"][7] = torch.ones(1)
    one_line(save(content, tmp_path / "odd.ckpt"))
