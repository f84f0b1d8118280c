"""Wrong input to a memory gets one clear line, and changes nothing."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from tests.episodic.memory.memory_oracle import DEVICES

CAPACITY, KEY, VALUE, BATCH = 5, 3, 2, 4
NAN, INFINITE = float("nan"), float("inf")


def build(kind: type[Memory], batch: int = BATCH, device: str = "cpu") -> Memory:
    options: dict[str, Any] = {"clusters": 2} if kind is FuzzyMemory else {}
    memory: Memory = kind(CAPACITY, KEY, VALUE, **options).to(device)
    memory.reset(batch)
    return memory


def some_write(device: str = "cpu") -> dict[str, Tensor]:
    parts = {"key": torch.ones(BATCH, KEY), "value": torch.ones(BATCH, VALUE), "label": torch.arange(BATCH)}
    return {name: part.to(device) for name, part in parts.items()}


def spoilt(part: Tensor, number: float) -> Tensor:
    part = part.clone()
    part[2, 1] = number
    return part


WRITE = some_write()
#: Everything that is refused on any device: message, name, tensor.
SHAPES: dict[str, tuple[str, str, Tensor]] = {
    "batch of keys": (r"key has shape \(3, 3\): it must be \(4, 3\)", "key", torch.ones(3, KEY)),
    "size of keys": (r"key has shape \(4, 2\): it must be \(4, 3\)", "key", torch.ones(BATCH, 2)),
    "one key": (r"key has shape \(3,\): it must be \(4, 3\)", "key", torch.ones(KEY)),
    "integer keys": (r"key is of torch\.int64: the memory holds torch\.float32", "key", WRITE["key"].long()),
    "half keys": (r"key is of torch\.float16: the memory holds torch\.float32", "key", WRITE["key"].half()),
    "double keys": (r"key is of torch\.float64: the memory holds torch\.float32", "key", WRITE["key"].double()),
    "batch of values": (r"value has shape \(5, 2\): it must be \(4, 2\)", "value", torch.ones(5, VALUE)),
    "size of values": (r"value has shape \(4, 3\): it must be \(4, 2\)", "value", torch.ones(BATCH, KEY)),
    "half values": (r"value is of torch\.bfloat16: the memory", "value", WRITE["value"].bfloat16()),
    "batch of labels": (r"label has shape \(3,\): it must be \(4,\)", "label", torch.zeros(3, dtype=torch.long)),
    "column of labels": (r"label has shape \(4, 1\): it must be \(4,\)", "label", WRITE["label"].unsqueeze(1)),
    "float labels": (r"label is of torch\.float32: it must be of torch\.int64", "label", WRITE["label"].float()),
    "short labels": (r"label is of torch\.int32: it must be of torch\.int64", "label", WRITE["label"].int()),
}
#: Refused on the CPU only, where looking at the numbers makes no device wait.
NUMBERS: dict[str, tuple[str, str, Tensor]] = {
    "NaN in a key": ("key holds NaN or infinite numbers", "key", spoilt(WRITE["key"], NAN)),
    "infinite key": ("key holds NaN or infinite numbers", "key", spoilt(WRITE["key"], -INFINITE)),
    "NaN in a value": ("value holds NaN or infinite numbers", "value", spoilt(WRITE["value"], NAN)),
    "infinite value": ("value holds NaN or infinite numbers", "value", spoilt(WRITE["value"], INFINITE)),
    "negative label": ("label is -1 in a row: it must be 0 or more", "label", WRITE["label"] - 1),
}


def refuse_write(memory: Memory, message: str, name: str, part: Tensor) -> None:
    device = str(memory.keys.device)
    memory.write(**some_write(device))
    before = {key: buffer.clone() for key, buffer in memory.named_buffers()}
    with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
        memory.write(**{**some_write(device), name: part.to(device)})
    for key, buffer in memory.named_buffers():
        assert torch.equal(buffer, before[key]), key


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("message", "name", "part"), SHAPES.values(), ids=SHAPES.keys())
@pytest.mark.parametrize("kind", [EpisodicMemory, StackMemory, FuzzyMemory])
def test_a_write_of_a_wrong_shape_or_dtype_is_refused(
    kind: type[Memory], message: str, name: str, part: Tensor, device: str
) -> None:
    refuse_write(build(kind, device=device), message, name, part)


@pytest.mark.parametrize(("message", "name", "part"), NUMBERS.values(), ids=NUMBERS.keys())
@pytest.mark.parametrize("kind", [EpisodicMemory, StackMemory, FuzzyMemory])
def test_a_write_of_wrong_numbers_is_refused_on_the_cpu(
    kind: type[Memory], message: str, name: str, part: Tensor
) -> None:
    refuse_write(build(kind), message, name, part)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("message", "query"),
    [
        (r"query has shape \(3, 3\): it must be \(4, 3\)", torch.ones(3, KEY)),
        (r"query has shape \(4, 2\): it must be \(4, 3\)", torch.ones(BATCH, 2)),
        (r"query has shape \(3,\): it must be \(4, 3\)", torch.ones(KEY)),
        (r"query is of torch\.int64: the memory holds torch\.float32", torch.ones(BATCH, KEY).long()),
        (r"query is of torch\.float16: the memory holds torch\.float32", torch.ones(BATCH, KEY).half()),
    ],
)
@pytest.mark.parametrize("kind", [EpisodicMemory, StackMemory, FuzzyMemory])
def test_a_query_of_a_wrong_shape_or_dtype_is_refused(
    kind: type[Memory], message: str, query: Tensor, device: str
) -> None:
    memory = build(kind, device=device)
    memory.write(**some_write(device))
    with pytest.raises(InputError, match=rf"^{message}[^\n]*$"):
        memory.read(query.to(device))


@pytest.mark.parametrize("kind", [EpisodicMemory, StackMemory, FuzzyMemory])
def test_nothing_is_read_or_written_before_reset(kind: type[Memory]) -> None:
    memory = build(kind, batch=0)
    with pytest.raises(InputError, match=r"^query is given before reset: call reset\(batch_size\) [^\n]+$"):
        memory.read(WRITE["key"])
    with pytest.raises(InputError, match=r"^key is given before reset: call reset\(batch_size\) [^\n]+$"):
        memory.write(**WRITE)


@pytest.mark.parametrize("kind", [EpisodicMemory, StackMemory, FuzzyMemory])
def test_no_environments_at_all_read_and_write_nothing(kind: type[Memory]) -> None:
    memory = build(kind, batch=0)
    memory.write(torch.ones(0, KEY), torch.ones(0, VALUE), torch.zeros(0, dtype=torch.long))
    assert memory.read(torch.ones(0, KEY)).value.shape == (0, VALUE)


def test_finite_numbers_whose_sum_overflows_are_taken() -> None:
    memory = build(EpisodicMemory)
    memory.write(**{**some_write(), "value": torch.full((BATCH, VALUE), 3e38)})
    assert memory.values[:, 0].min() > 2e38


def test_a_nan_key_that_was_not_checked_affects_its_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def unchecked(*_: Any) -> None:
        """As on a CUDA device."""

    monkeypatch.setattr("episodic.memory.memory.check_finite", unchecked)
    memory = build(EpisodicMemory)
    memory.write(**some_write())
    memory.write(**{**some_write(), "key": spoilt(WRITE["key"], NAN)})
    assert memory.read(WRITE["key"]).label.tolist() == [0, 1, -1, 3]
    for _ in range(CAPACITY):
        memory.write(**some_write())
    assert memory.read(WRITE["key"]).label.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["key", "value", "label"])
def test_lists_and_arrays_are_refused(name: str) -> None:
    memory, parts = build(EpisodicMemory), dict[str, Any](some_write())
    for part, kind in ((parts[name].tolist(), "list"), (parts[name].numpy(), "ndarray")):
        with pytest.raises(InputError, match=f"^{name} is of type {kind}: it must be a tensor$"):
            memory.write(**{**parts, name: part})
