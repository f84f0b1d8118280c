"""An agent plays blocks of a task, all environments at once."""

from collections.abc import Iterator
from functools import partial

import torch
from torch import Tensor

from episodic.agents.agent import Agent
from episodic.agents.choices import Choices, NativeChoices
from episodic.agents.episode_memory import EpisodeMemory
from episodic.agents.native.play import play_natively
from episodic.agents.trajectory import Measures, Trajectory
from episodic.native import pick
from episodic.networks.core import Core, Tape
from episodic.precision import full_precision
from episodic.tasks.blocks import BlockSpec, seeded
from episodic.tasks.task import Episode, Task


def rollout(task: Task, agent: Agent, spec: BlockSpec, *, greedy: bool = False) -> Iterator[Trajectory]:
    """Play a block and yield each episode as it ends.

    Nothing has a gradient but what a memory recalled through learned projections. The memory is cleared at the start.
    What an episode stores is written before the episode is yielded. Weights and the memory's contents may be changed
    between two episodes and are used from the next one on.

    Mixed precision (autocast) is off while an agent plays: recall compares similarities digit by digit.

    A core whose state lasts for the block continues from the state of the previous episode; others start from zero.

    The noise in the choices is a function of the block's seed: the same weights play the same block the same
    way.

    Args:
        task: the rules.
        agent: plays.
        spec: the block, on the agent's device, with cues.
        greedy: take the most probable action instead of drawing one from the policy.

    >>> from episodic.agents.parts import build_agent
    >>> from episodic.tasks.barcode_bandit import BarcodeBandit
    >>> task = BarcodeBandit(contexts=2, arms=2, exposures=2)
    >>> agent = build_agent(task.sizes).agent
    >>> episodes = list(rollout(task, agent, task.draw_block(batch_size=8, seed=0)))
    >>> len(episodes), episodes[0].rewards.shape
    (4, torch.Size([10, 8]))
    """
    device, batch = spec.labels.device, spec.batch_size
    luck = task.luck(spec)
    generator = seeded(spec.seed, 2, device)
    if agent.memory is not None:
        agent.memory.store.reset(batch)
    last: Tape | None = None  # of the previous episode, for a core that continues from it
    for episode in range(spec.episodes):
        trajectory = _episode(task, agent, spec, episode, luck[episode], generator if not greedy else None, last)
        if agent.core.lasts == "block":
            last = trajectory.tape
        yield trajectory
        del trajectory  # the next episode may then lie in the same memory


def _episode(
    task: Task,
    agent: Agent,
    spec: BlockSpec,
    episode: int,
    luck: Tensor,
    generator: torch.Generator | None,
    last: Tape | None,
) -> Trajectory:
    """Play one episode, with choices drawn by the generator, or the most probable ones without."""
    device, batch, uniform = luck.device, spec.batch_size, None
    if generator is not None:
        uniform = torch.rand(task.steps, batch, task.actions, generator=generator, device=device)
    tape, memory = agent.core.tape(task.steps, batch), None
    # Rewards lie in the core's input, or beside it if the agent does not see them.
    rewards = tape.inputs[1:, :, task.actions]
    if not task.shows_feedback:
        rewards = torch.zeros_like(rewards)
    if agent.memory is not None:
        memory = EpisodeMemory(agent.memory, spec, episode, task.schedule_of(episode), agent.core, tape, rewards)
    with full_precision(device):
        if last is not None:
            agent.core.carry(tape, last)
        return _play(task, agent, spec, episode, luck, uniform, tape, rewards, memory)


@torch.no_grad()
def _play(
    task: Task,
    agent: Agent,
    spec: BlockSpec,
    episode: int,
    luck: Tensor,
    uniform: Tensor | None,
    tape: Tape,
    rewards: Tensor,
    memory: EpisodeMemory | None,
) -> Trajectory:
    """Play one episode and write what it stores."""
    actions, seen = task.actions, agent.sizes.seen_size
    game = task.begin(spec, episode, luck, tape.inputs[:, :, actions + 1 : seen])
    if agent.cue_input:
        cue = agent.seen(spec.cues[episode])
        tape.inputs[: len(cue) if cue.dim() == 3 else None, :, seen:] = cue
    choices = pick(NativeChoices, Choices, like=tape.hidden)(agent.heads, tape, uniform, task.shows_feedback)
    if not play_natively(tape, choices, game, rewards, memory, observation=actions + 1):
        _play_steps(agent.core, tape, choices, game, rewards, memory)
    chosen = choices.taken.squeeze(-1)
    return Trajectory(
        tape=tape,
        actions=chosen,
        rewards=rewards,
        measures=Measures(partial(game.measures, chosen)),
        reads=memory.reads() if memory is not None else None,
    )


def _play_steps(
    core: Core, tape: Tape, choices: Choices, game: Episode, rewards: Tensor, memory: EpisodeMemory | None
) -> None:
    """Play an episode step by step."""
    for t, reward in enumerate(rewards.unsqueeze(-1).unbind()):
        core.begin(tape, t)
        hidden = core.finish(tape, t, memory.read(t) if memory is not None else None)
        game.step(t, choices.choose(t, hidden), reward)
        if memory is not None:
            memory.after(t)
    if memory is not None:
        memory.finish()
