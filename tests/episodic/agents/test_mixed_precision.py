"""An agent plays and replays in full precision where the surrounding code computes in mixed precision."""

import pytest
import torch

from episodic.agents import Keys, Perception, build_agent, rollout
from episodic.memory import EpisodicMemory
from episodic.networks import EpisodicGRU, EpisodicLSTM
from episodic.tasks import BarcodeBandit


@pytest.mark.parametrize("core", [EpisodicLSTM, EpisodicGRU])
@pytest.mark.parametrize("source", ["context", "hidden"])
def test_autocast_changes_no_number(core: type, source: str) -> None:
    torch.manual_seed(0)
    task = BarcodeBandit(contexts=3, arms=2, exposures=2)
    keys, seen = Keys(source=source), Perception(cue_input=source == "hidden")
    agent = build_agent(task.sizes, core, EpisodicMemory, keys, seen).agent
    spec = task.draw_block(batch_size=8, seed=0)
    plain = [(t.actions, *agent.replay(t), t.reads.recall.similarity) for t in rollout(task, agent, spec) if t.reads]
    with torch.autocast("cpu", torch.bfloat16):
        mixed = [
            (t.actions, *agent.replay(t), t.reads.recall.similarity) for t in rollout(task, agent, spec) if t.reads
        ]
    assert len(plain) == 6
    for one, other in zip(plain, mixed, strict=True):
        for value, same in zip(one, other, strict=True):
            assert value.dtype == same.dtype
            assert torch.equal(value, same)
