"""The memory triplet objective against Kaiser's memory, one query at a time."""

import pytest
import torch

from episodic.objectives.kaiser import KaiserObjective
from tests.episodic.memory.kaiser_oracle import ListKaiser
from tests.episodic.objectives.embeddings import SIZE, batch


@pytest.mark.parametrize("pieces", [1, 2, 3])
@pytest.mark.parametrize("clear", [False, True])
def test_kaisers_loss_follows_the_lists(clear: bool, pieces: int) -> None:
    if clear and pieces == 1:
        pytest.skip("refused")
    objective = KaiserObjective(7, SIZE, neighbours=3, margin=0.3, clear_each_batch=clear, pieces=pieces).double()
    lists, losses = ListKaiser(7, 3, 0.3, 1 / 40), []
    for seed in range(10):
        embedding, labels = batch(seed % 3)
        if clear:
            lists = ListKaiser(7, 3, 0.3, 1 / 40)
        parts = []
        for first in range(pieces):
            queries, own = embedding.tolist()[first::pieces], labels.tolist()[first::pieces]
            parts.append(lists.loss(queries, own))
            lists.update_batch(queries, own)
        counted = parts[1:] if clear else parts
        losses.append(sum(counted) / len(counted))
        assert objective(embedding, labels).item() == pytest.approx(losses[-1], abs=1e-6)
    assert max(losses) > 0
    assert not clear or losses[3:] == losses[:-3]


def test_kaisers_memory_stays_as_it_is_in_evaluation() -> None:
    objective = KaiserObjective(7, SIZE, neighbours=256, margin=0.1).double()
    objective(*batch(0))
    before = {name: buffer.clone() for name, buffer in objective.named_buffers()}
    expected = objective.memory.loss(*batch(1))
    assert torch.equal(objective.eval()(*batch(1)), expected)
    assert all(torch.equal(buffer, before[name]) for name, buffer in objective.named_buffers())
    objective.train()(*batch(1))
    assert not torch.equal(objective.memory.keys, before["memory.keys"])
