"""Fast weights against the delta rule in NumPy, and as a part of an agent."""

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from cli import main
from episodic.agents import Keys, Learner, StateEmbedderConfig, build_agent, rollout
from episodic.errors import InputError
from episodic.memory import DeltaMemory, EpisodicMemory
from episodic.tasks import BarcodeBandit
from tests.runs import one_error, rows
from tests.tiny import tiny_bandit

BATCH, KEY, VALUE, WRITES = 3, 4, 2, 9
Vector = NDArray[np.float64]


def features(key: Vector, centre: float, order: int) -> Vector:
    """The features of one key, number by number."""
    centred = key - centre
    if order:
        positive = [max(x, 0.0) for x in [*centred, *-centred]]
        size = len(positive)
        centred = np.array([positive[i] * positive[(i + j) % size] for j in range(1, order + 1) for i in range(size)])
    return centred / max(float(np.linalg.norm(centred)), 1e-12)


@pytest.mark.parametrize(("beta", "centre", "order"), [(1.0, 0.0, 0), (0.3, 0.5, 0), (1.0, 0.5, 2), (0.7, 0.0, 1)])
def test_reads_and_writes_follow_the_delta_rule(beta: float, centre: float, order: int) -> None:
    generator = torch.Generator().manual_seed(0)
    memory = DeltaMemory(1, KEY, VALUE, beta=beta, centre=centre, dpfp_order=order).double()
    memory.reset(BATCH)
    weights = [np.zeros((VALUE, memory.feature_size)) for _ in range(BATCH)]
    for _ in range(WRITES):
        key, value, query = (
            torch.randn(BATCH, size, generator=generator, dtype=torch.float64) for size in (KEY, VALUE, KEY)
        )
        memory.write(key, value, torch.zeros(BATCH, dtype=torch.long))
        read = memory.read(query)
        for b in range(BATCH):
            phi = features(key[b].numpy(), centre, order)
            weights[b] = weights[b] + beta * np.outer(value[b].numpy() - weights[b] @ phi, phi)
            expected = weights[b] @ features(query[b].numpy(), centre, order)
            np.testing.assert_allclose(read.value[b].numpy(), expected, atol=1e-12)
        assert read.label.tolist() == read.slot.tolist() == [-1] * BATCH


def test_the_full_rule_replaces_a_value_and_leaves_orthogonal_keys_alone() -> None:
    memory = DeltaMemory(1, KEY, VALUE)
    memory.reset(BATCH)
    first, second = (torch.eye(KEY)[i].expand(BATCH, -1) for i in (0, 1))
    for key, value in ((first, 1.0), (second, 2.0), (first, 3.0)):
        memory.write(key, torch.full((BATCH, VALUE), value))
    assert (memory.read(5 * first).value == 3.0).all()
    assert (memory.read(second).value == 2.0).all()


def test_reset_forgets_and_saved_contents_come_back() -> None:
    memory, other = DeltaMemory(1, KEY, VALUE), DeltaMemory(1, KEY, VALUE)
    memory.reset(BATCH)
    query = torch.ones(BATCH, KEY)
    assert not memory.read(query).value.any()
    memory.write(query, torch.ones(BATCH, VALUE))
    other.load_state_dict(memory.state_dict())
    assert torch.equal(other.read(query).value, memory.read(query).value)
    memory.reset(BATCH)
    assert not memory.read(query).value.any()


@pytest.mark.parametrize("order", [0, 2])
def test_a_query_of_nan_recalls_nothing(order: int) -> None:
    memory = DeltaMemory(1, KEY, VALUE, dpfp_order=order, centre=0.5)
    memory.reset(BATCH)
    memory.write(torch.ones(BATCH, KEY), torch.ones(BATCH, VALUE))
    query = torch.ones(BATCH, KEY)
    query[0, 1] = torch.nan
    value = memory.read(query).value
    assert value[0].eq(0).all()
    torch.testing.assert_close(value[1:], torch.ones(BATCH - 1, VALUE))


def test_wrong_input_is_refused() -> None:
    memory = DeltaMemory(1, KEY, VALUE)
    with pytest.raises(InputError, match="before reset"):
        memory.read(torch.zeros(BATCH, KEY))
    memory.reset(BATCH)
    with pytest.raises(InputError, match=r"value has shape \(3, 4\): it must be \(3, 2\)"):
        memory.write(torch.zeros(BATCH, KEY), torch.zeros(BATCH, KEY))
    with pytest.raises(InputError, match="key holds NaN"):
        memory.write(torch.full((BATCH, KEY), torch.nan), torch.zeros(BATCH, VALUE))
    with pytest.raises(InputError, match=r"beta is 1\.5"):
        DeltaMemory(1, KEY, VALUE, beta=1.5)
    with pytest.raises(InputError, match="dpfp_order is 8: it must lie in 0 to 7"):
        DeltaMemory(1, KEY, VALUE, dpfp_order=8)


def test_with_orthogonal_keys_an_agent_plays_as_with_an_episodic_memory() -> None:
    """Labels as keys are orthogonal: the newest value of each comes back, and 0 before the first."""
    task = BarcodeBandit(arms=3, contexts=3, exposures=3, pulls=4)
    spec, actions = task.draw_block(batch_size=4, seed=0), []
    for memory in (DeltaMemory, lambda *sizes: EpisodicMemory(*sizes, threshold=0.5)):
        torch.manual_seed(0)
        agent = build_agent(task.sizes, memory=memory, keys=Keys("label")).agent
        actions.append(torch.stack([episode.actions for episode in rollout(task, agent, spec)]))
    assert torch.equal(*actions)


def test_what_needs_slots_is_refused() -> None:
    sizes = BarcodeBandit().sizes
    with pytest.raises(InputError, match=r"keys\.capacity is 50: a DeltaMemory has no slots"):
        build_agent(sizes, memory=DeltaMemory, keys=Keys(capacity=50))
    with pytest.raises(InputError, match="memory is a DeltaMemory, which has no slots: a learner needs some"):
        build_agent(sizes, memory=DeltaMemory, keys=Keys(embedder=StateEmbedderConfig()), learner=Learner())


def test_an_agent_trains_and_is_tested_without_metrics_and_plots_of_slots(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*tiny_bandit(tmp_path, "barcode_bandit_delta"), "--trainer.callbacks+=MemoryMonitor"]
    assert main(["fit", *arguments]) == 0
    run = tmp_path / "barcode_bandit_delta" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert (run / "figures" / "reward_by_exposure.png").is_file()
    assert not list(run.glob("figures/memory_*"))
    assert not {"val/slots_in_use", "val/recall_accuracy", "val/nothing_recalled"} & set(rows(run)[-1])
    capsys.readouterr()
    assert main(["fit", *arguments, "--model.memory.beta", "2"]) == 2
    assert "beta is 2.0: it must lie between 0 and 1" in one_error(capsys)
