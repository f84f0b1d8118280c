"""Harvests of blocks whose reads have their own labels: a row for each meeting with a context."""

from typing import Any

import pytest
import torch

from episodic.agents.harvest import harvest_block
from episodic.agents.keys import Keys
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.tasks.task import Task
from episodic.tasks.two_step import TwoStep
from tests.episodic.agents.agents import BATCH, SEES, build
from tests.episodic.agents.trail import EPISODES, STEPS, Trail


def harvested(task: Task, **changes: Any) -> tuple[Any, Any, dict[str, torch.Tensor]]:
    agent = build(task, memory=EpisodicMemory, keys=Keys("hidden"), perception=SEES)
    spec = task.draw_block(BATCH, 5)._replace(**changes)
    trajectories = list(rollout(task, agent, spec))
    return spec, trajectories, harvest_block(task, trajectories, agent.core, spec)


@pytest.mark.parametrize("per_trial", [1, 2])
def test_a_two_step_block_gives_a_row_for_each_written_and_each_cued_trial(per_trial: int) -> None:
    task = TwoStep(trials=8, steps_per_trial=per_trial, vocabulary=20)
    spec, (trajectory,), harvest = harvested(task)
    reads, writes = task.schedule
    for b in range(BATCH):
        row, number, met = 0, 0, list[int]()
        for t in range(task.steps):
            rows = [(spec.query_labels[0, t, b], spec.cues[0, t, b])] if reads[t] else []
            if writes[t]:
                rows.append((spec.key_labels[0, number, b, 0], spec.keys[0, number, b, 0]))
                number += 1
            for label, cue in rows:
                met.append(int(label))
                assert harvest["label"][b, row] == label
                assert harvest["exposure"][b, row] == met.count(int(label))
                assert torch.equal(harvest["cue"][b, row], cue.half())
                assert harvest["action"][b, row].tolist() == [trajectory.actions[t, b]]
                assert harvest["reward"][b, row].tolist() == [trajectory.rewards[t, b]]
                if reads[t]:
                    query = trajectory.reads.queries[t, b]
                    assert torch.allclose(harvest["cell"][b, row, 0].float(), query, atol=5e-3)
                row += 1
        assert row == harvest["label"].shape[1] == 4 + task.trials - (per_trial == 1)


#: Reads of the trail with labels of their own: at step 2, where environment 0 has none, and at step 3.
READ = torch.full((EPISODES, STEPS, BATCH), -1)
READ[:, 2, 1:], READ[:, 3] = 0, 1
WRITES, WRITTEN = (False, True, False, False, True), [1, 4]


def test_every_key_of_a_write_and_every_labelled_read_has_a_row() -> None:
    spec, _, harvest = harvested(Trail(writes=WRITES, by_step=True, width=2), query_labels=READ)
    keys, labels = spec.keys[:, WRITTEN], spec.key_labels[:, WRITTEN]  # [E, N, B, W, ...]
    assert harvest["cell"].shape[:3] == (BATCH, EPISODES * 5, 1)
    for b in range(BATCH):
        for e in range(EPISODES):
            rows = slice(5 * e, 5 * e + 5)
            assert harvest["label"][b, rows].tolist() == [*labels[e, 0, b].tolist(), 1, *labels[e, 1, b].tolist()]
            cues = torch.cat([keys[e, 0, b], spec.queries[e, 3, None, b], keys[e, 1, b]])
            assert torch.equal(harvest["cue"][b, rows], cues.half())


def test_keys_that_the_block_does_not_name_have_the_episodes_label_and_cue() -> None:
    spec, _, harvest = harvested(Trail(writes=WRITES), query_labels=torch.full_like(READ, -1))
    assert torch.equal(harvest["label"], spec.labels.T.repeat_interleave(2, dim=1))
    assert torch.equal(harvest["cue"], spec.cues.movedim(1, 0).repeat_interleave(2, dim=1).half())
