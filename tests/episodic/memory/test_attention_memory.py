"""Soft attention against its definition, number by number; its gradient; and as a part of an agent."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from cli import main
from episodic.agents import build_agent, rollout
from episodic.memory import AttentionMemory, Recall, Stacks
from episodic.tasks import BarcodeBandit
from tests.runs import rows
from tests.tiny import tiny_bandit

SLOTS, KEY, VALUE, BATCH, SIZE = 5, 4, 3, 2, 6


def learned(writes: int) -> tuple[AttentionMemory, list[tuple[Tensor, Tensor]]]:
    """A memory in double precision with random weights, and the keys and values that were written."""
    generator = torch.Generator().manual_seed(0)
    memory = AttentionMemory(SLOTS, KEY, VALUE, size=SIZE, temperature=0.3).double()
    for parameter in memory.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    memory.reset(BATCH)
    written = []
    for number in range(writes):
        key, value = (torch.randn(BATCH, size, generator=generator, dtype=torch.float64) for size in (KEY, VALUE))
        memory.write(key, value, torch.full((BATCH,), 10 + number))
        written.append((key, value))
    return memory, written[-SLOTS:]


def project(layer: torch.nn.Linear, vector: list[float]) -> list[float]:
    length = math.sqrt(sum(x * x for x in vector))
    rows = zip(layer.weight.tolist(), layer.bias.tolist(), strict=True)
    return [sum(w * x / length for w, x in zip(row, vector, strict=True)) + bias for row, bias in rows]


def attention(memory: AttentionMemory, query: list[float], keys: list[list[float]]) -> list[float]:
    """Weight of each key, and of nothing last."""
    projected = project(memory.query_projection, query)
    scores = [sum(a * b for a, b in zip(projected, project(memory.key_projection, key), strict=True)) for key in keys]
    raw = [math.exp(score / memory.temperature) for score in [*scores, memory.nothing.item()]]
    return [one / sum(raw) for one in raw]


@pytest.mark.parametrize("writes", [0, 1, 4, 7])
def test_a_read_mixes_values_by_attention(writes: int) -> None:
    memory, written = learned(writes)
    query = torch.randn(BATCH, KEY, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    recall = memory.read(query)
    for b in range(BATCH):
        weights = attention(memory, query[b].tolist(), [key[b].tolist() for key, _ in written])
        expected = sum((w * value[b] for w, (_, value) in zip(weights, written, strict=False)), torch.zeros(VALUE))
        torch.testing.assert_close(recall.value[b].detach(), expected.double())
        best = max(range(len(weights)), key=lambda index: weights[index])
        label = -1 if best == len(written) else 10 + max(writes - SLOTS, 0) + best
        assert recall.label[b].item() == label
        assert (recall.slot[b].item() == -1) == (label == -1)
        assert math.isinf(recall.similarity[b].item()) == (writes == 0)


def test_the_gradient_is_that_of_the_definition_though_the_memory_changes_before_it() -> None:
    memory, _ = learned(4)
    query = torch.randn(BATCH, KEY, dtype=torch.float64, requires_grad=True)
    parameters = [parameter for _, parameter in memory.named_parameters()]

    def value(*inputs: Tensor) -> Tensor:
        names = [name for name, _ in memory.named_parameters()]
        recall = torch.func.functional_call(memory, dict(zip(names, inputs[1:], strict=True)), (inputs[0],))
        assert isinstance(recall, Recall)
        return recall.value

    memory.forward = memory.read
    assert torch.autograd.gradcheck(value, (query, *parameters))
    before = torch.autograd.grad(memory.read(query).value.sum(), [query, *parameters])
    read = memory.read(query).value.sum()
    memory.write(torch.randn(BATCH, KEY).double(), torch.randn(BATCH, VALUE).double())
    for one, other in zip(torch.autograd.grad(read, [query, *parameters]), before, strict=True):
        assert torch.equal(one, other)
        assert one.any()


def test_a_nan_query_recalls_nothing() -> None:
    memory, _ = learned(2)
    query = torch.ones(BATCH, KEY, dtype=torch.float64)
    query[0, 1] = torch.nan
    recall = memory.read(query)
    assert not recall.value[0].any()
    assert recall.label[0] == recall.slot[0] == -1
    assert recall.similarity[0].isnan()
    assert recall.value[1].all()


def test_stacks_keep_one_slot_for_each_label() -> None:
    memory = AttentionMemory(SLOTS, KEY, VALUE, stacks=Stacks(update="mean"))
    memory.reset(1)
    for value in (1.0, 3.0):
        memory.write(torch.ones(1, KEY), torch.full((1, VALUE), value), torch.tensor([7]))
    assert memory.occupied.sum() == 1
    assert memory.read(torch.ones(1, KEY)).value.mean().item() == pytest.approx(2.0, abs=1e-3)


def test_reinforcement_learning_trains_the_projections_through_the_read() -> None:
    task = BarcodeBandit(arms=2, contexts=3, exposures=2, pulls=4)
    agent = build_agent(task.sizes, memory=AttentionMemory).agent
    assert agent.memory is not None
    for episode, trajectory in enumerate(rollout(task, agent, task.draw_block(batch_size=4, seed=0))):
        logits, _ = agent.replay(trajectory)
        agent.zero_grad()
        logits.square().sum().backward()
        gradients = [parameter.grad for parameter in agent.memory.store.parameters()]
        assert all(gradient is not None and bool(gradient.any()) for gradient in gradients) == (episode > 0)


def test_an_agent_trains_its_attention_and_is_tested(tmp_path: Path) -> None:
    assert main(["fit", *tiny_bandit(tmp_path, "barcode_bandit_attention")]) == 0
    run = tmp_path / "barcode_bandit_attention" / "version_0"
    weights = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    assert weights["agent.memory.store.nothing"].abs().item() > 0
    query, key = (weights[f"agent.memory.store.{name}_projection.weight"] for name in ("query", "key"))
    assert not torch.equal(query, key)  # as which they started
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert {path.name for path in run.glob("figures/memory_*")} == {
        "memory_map.png",
        "memory_recall.png",
        "memory_similarity.png",
    }
    assert "val/recall_accuracy" in rows(run)[-1]
