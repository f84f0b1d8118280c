"""What is kept of a block."""

import pytest
import torch

from episodic.agents.harvest import harvest_block
from episodic.agents.keys import Keys
from episodic.agents.rollout import rollout
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.networks.core import Core
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.episodic_lstm import EpisodicLSTM
from tests.episodic.agents.agents import BATCH, SEES, build
from tests.episodic.agents.trail import CUE, EPISODES, STEPS, Trail


@pytest.mark.parametrize("core", [EpisodicLSTM, EpisodicGRU])
@pytest.mark.parametrize("by_step", [False, True])
def test_a_harvest_holds_the_states_that_keys_are_made_of(by_step: bool, core: type[Core]) -> None:
    task = Trail(by_step=by_step)
    agent, spec = (
        build(task, core=core, memory=EpisodicMemory, keys=Keys("hidden"), perception=SEES),
        task.draw_block(BATCH, 5),
    )
    trajectories = list(rollout(task, agent, spec))
    harvest = harvest_block(task, trajectories, agent.core, spec)
    for b in range(BATCH):
        for e, trajectory in enumerate(trajectories):
            assert trajectory.reads is not None
            assert torch.allclose(harvest["cell"][b, e].float(), trajectory.reads.queries[:, b], atol=5e-3)
            assert torch.equal(harvest["action"][b, e], trajectory.actions[:, b])
            assert torch.equal(harvest["reward"][b, e], trajectory.rewards[:, b].half())
            assert harvest["label"][b, e] == spec.labels[e, b]
            assert harvest["exposure"][b, e] == spec.exposures[e, b]
            cue = spec.cues[e, 0, b] if by_step else spec.cues[e, b]  # of cues that change, the first
            assert torch.equal(harvest["cue"][b, e], cue.half())
    steps = (BATCH, EPISODES, STEPS)
    assert harvest["cue"].shape == (BATCH, EPISODES, CUE)
    assert harvest["hidden"].shape == harvest["cell"].shape == (*steps, agent.core.hidden_size)
