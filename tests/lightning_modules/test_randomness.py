"""The generator of a training step: what it depends on, and what not."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch

from lightning_modules.randomness import step_generator


class Placed(pl.LightningModule):
    """A module at some place of some training."""

    def __init__(self, epoch: int, rank: int) -> None:
        super().__init__()
        self.place = epoch, rank

    @property
    def current_epoch(self) -> int:
        return self.place[0]

    @property
    def global_rank(self) -> Any:
        return self.place[1]


def numbers(monkeypatch: pytest.MonkeyPatch, seed: int, epoch: int, batch: int, rank: int) -> tuple[float, ...]:
    monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
    generator = step_generator(Placed(epoch, rank), batch)
    assert generator.device.type == "cpu"
    return tuple(torch.rand(4, generator=generator).tolist())


def test_it_is_a_function_of_seed_epoch_batch_and_rank(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(s, e, b, r) for s in range(2) for e in range(3) for b in range(3) for r in range(2)]
    first = [numbers(monkeypatch, *place) for place in places]
    assert len(set(first)) == len(places)
    torch.manual_seed(9)
    assert [numbers(monkeypatch, *place) for place in places] == first


def test_torch_s_own_generator_feels_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_rng_state()
    numbers(monkeypatch, 0, 0, 0, 0)
    assert torch.equal(torch.get_rng_state(), before)


def test_without_a_seed_it_is_that_of_0(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = numbers(monkeypatch, 0, 1, 2, 0)
    monkeypatch.delenv("PL_GLOBAL_SEED")
    assert tuple(torch.rand(4, generator=step_generator(Placed(1, 0), 2)).tolist()) == expected
