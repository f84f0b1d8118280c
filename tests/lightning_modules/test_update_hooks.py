"""Updates with and without Lightning's hooks around them."""

from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.profilers import SimpleProfiler

from datamodules import BlockDataModule
from episodic.memory import EpisodicMemory
from episodic.tasks import BarcodeBandit
from lightning_modules import EpisodicAgent
from lightning_modules.update_hooks import updates_are_plain

TASK = BarcodeBandit(arms=3, contexts=3, exposures=2, pulls=4)


class Listener(pl.Callback):
    """Counts the calls of the hooks around updates."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def on_before_backward(self, *args: object) -> None:
        self.calls.append("before")

    def on_after_backward(self, *args: object) -> None:
        self.calls.append("after")

    def on_before_optimizer_step(self, trainer: pl.Trainer, module: pl.LightningModule, *args: object) -> None:
        assert all(parameter.grad is not None for parameter in module.parameters() if parameter.requires_grad)
        self.calls.append("step")


class Inquisitive(EpisodicAgent):
    """An agent with a hook of its own."""

    calls = 0

    def on_after_backward(self) -> None:
        self.calls += 1


def train(kind: type[EpisodicAgent] = EpisodicAgent, **options: Any) -> EpisodicAgent:
    data = BlockDataModule(task=TASK, environments=4, blocks_per_epoch=2)
    torch.manual_seed(0)
    module = kind(memory=EpisodicMemory, sizes=data.sizes)
    trainer = pl.Trainer(
        accelerator="cpu",
        max_epochs=1,
        limit_val_batches=0,
        enable_model_summary=False,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        **options,
    )
    trainer.fit(module, datamodule=data)
    return module


def test_hooks_change_neither_weights_nor_the_count_of_steps() -> None:
    listener = Listener()
    silent, heard = train(), train(callbacks=[listener])
    assert updates_are_plain(silent.trainer)
    assert not updates_are_plain(heard.trainer)
    assert silent.trainer.global_step == heard.trainer.global_step == 2 * TASK.episodes
    assert all(map(torch.equal, silent.agent.policy_parameters(), heard.agent.policy_parameters()))
    assert listener.calls == ["before", "after", "step"] * 2 * TASK.episodes


def test_hooks_of_a_subclass_are_called() -> None:
    module = train(Inquisitive)
    assert isinstance(module, Inquisitive)
    assert module.calls == 2 * TASK.episodes


@pytest.mark.parametrize("options", [{"precision": "bf16-mixed"}, {"profiler": SimpleProfiler()}])
def test_mixed_precision_and_profilers_see_every_update(options: dict[str, Any]) -> None:
    assert not updates_are_plain(train(**options).trainer)
