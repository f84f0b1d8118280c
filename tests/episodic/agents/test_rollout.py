"""The batched rollout against a slow player of one environment at a time, and what a block depends on."""

from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.agents.agent import Agent
from episodic.agents.keys import Keys
from episodic.agents.parts import build_agent
from episodic.agents.rollout import rollout
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.trajectory import Reads, Trajectory
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.stack_memory import StackMemory
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional import CompositionalDrawingBandit
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.task import Task
from tests.episodic.agents.agents import BATCH, HIDDEN, SEES, SPEC, TASK, build, memory_of, slots_of
from tests.episodic.agents.rollout_oracle import World, bandit, play_slowly, trail
from tests.episodic.agents.trail import END, STEPS, Trail
from tests.episodic.memory.memory_oracle import DEVICES

AGAIN = SPEC.exposures > 1
EMBEDDER = StateEmbedderConfig(embedding_size=4, hidden_layer=7)
RECURRENT = StateEmbedderConfig(embedding_size=4, hidden_layer=7, recurrent=True)


def play(agent: Agent, spec: BlockSpec = SPEC, task: Task = TASK, **options: Any) -> list[Trajectory]:
    return list(rollout(task, agent, spec, **options))


def joined(trajectories: list[Trajectory], name: str) -> Tensor:
    return torch.stack([getattr(trajectory, name) for trajectory in trajectories])


def reads_of(trajectory: Trajectory) -> Reads:
    assert trajectory.reads is not None
    return trajectory.reads


def recalled(trajectories: list[Trajectory]) -> Tensor:
    """Labels `[E, T, B]`."""
    return torch.stack([reads_of(trajectory).recall.label for trajectory in trajectories])


def assert_slow(
    agent: Agent, spec: BlockSpec = SPEC, task: Task = TASK, world: World = bandit, greedy: bool = False
) -> list[Trajectory]:
    """Assert that a block is what the slow player makes of its actions."""
    trajectories = play(agent, spec, task, greedy=greedy)
    actions = joined(trajectories, "actions")
    expected = play_slowly(agent, task, spec, world, actions)
    for name in ("hidden", "cells"):
        torch.testing.assert_close(joined(trajectories, name), getattr(expected, name), atol=2e-5, rtol=1e-4)
    assert torch.equal(joined(trajectories, "rewards"), expected.rewards)
    if agent.memory is not None:
        assert torch.equal(recalled(trajectories), expected.labels)
    if greedy:
        assert torch.equal(actions, expected.logits.argmax(dim=-1))
    return trajectories


def assert_equal(one: list[Trajectory], other: list[Trajectory]) -> None:
    for a, b in zip(one, other, strict=True):
        for name in ("actions", "rewards", "hidden", "cells"):
            assert torch.equal(getattr(a, name), getattr(b, name))
        assert (a.reads is None) == (b.reads is None)
        if a.reads is not None and b.reads is not None:
            assert all(torch.equal(x, y) for x, y in zip(a.reads.recall, b.reads.recall, strict=True))


# ------------------------------------------------------------------------------------------------ the whole block


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("options", [{}, {"perception": SEES}], ids=["blind", "sees the cue"])
@pytest.mark.parametrize("memory", [EpisodicMemory, StackMemory])
@pytest.mark.parametrize("capacity", [None, 3])
def test_a_block_equals_the_slow_player(capacity: int | None, memory: Any, options: Any, greedy: bool) -> None:
    assert_slow(build(memory=memory, keys=Keys(capacity=capacity), **options), greedy=greedy)


SOURCES = [
    Keys("label"),
    Keys("input", stored="all"),
    Keys("input", stored="first", read_at="first"),
    Keys("hidden"),
    Keys("hidden", state="hidden", stored="all", value="own"),
    Keys("hidden", stored="after_first_quarter"),
    Keys("hidden", stored="first", read_at="first"),
    Keys("context", stored="first", embedder=EMBEDDER),
    Keys("hidden", state="hidden", stored="all", value="own", embedder=EMBEDDER),
    Keys("hidden", stored="first", read_at="first", embedder=EMBEDDER),
    Keys("hidden", embedder=RECURRENT),
    Keys("hidden", state="hidden", stored="after_first_quarter", embedder=RECURRENT),
    Keys("hidden", stored="first", read_at="first", embedder=RECURRENT),
]


def name_of(keys: Keys) -> str:
    embedder = "" if keys.embedder is None else "recurrent " if keys.embedder.recurrent else "embedded "
    return f"{embedder}{keys.source}, {keys.state}, {keys.stored}, {keys.value}, {keys.read_at}"


@pytest.mark.parametrize("memory", [EpisodicMemory, StackMemory])
@pytest.mark.parametrize("keys", SOURCES, ids=name_of)
def test_every_key_source_equals_the_slow_player(keys: Keys, memory: Any) -> None:
    trajectories = assert_slow(build(memory=memory, keys=keys, perception=SEES))
    if keys.embedder is None and (keys.stored == "first" or (keys.stored == "all" and memory is EpisodicMemory)):
        # A first step's key is a function of the cue alone.
        assert torch.equal(recalled(trajectories)[:, 0][AGAIN], SPEC.labels[AGAIN])
    if keys.read_at == "first":
        for part in (reads_of(trajectories[-1]).queries, *reads_of(trajectories[-1]).recall):
            assert torch.equal(part, part[:1].expand_as(part))


def best_return(capacity: int, key_size: int, value_size: int) -> StackMemory:
    return StackMemory(capacity, key_size, value_size, update="best_return")


def test_the_return_of_a_write_is_that_of_its_episode() -> None:
    assert_slow(build(memory=best_return, keys=Keys("hidden", stored="first"), perception=SEES))


@pytest.mark.parametrize("stored", ["last", "all"])
def test_stacks_may_go_by_predicted_labels(stored: str) -> None:
    keys = Keys("hidden", stored=stored, labels="predicted", embedder=EMBEDDER)
    agent = build(memory=StackMemory, keys=keys, perception=SEES)
    assert_slow(agent)
    memory = memory_of(agent)
    assert memory.store.stacks is not None
    assert memory.labeller is not None
    store = slots_of(agent)
    assert store.stacks is not None
    for b in range(BATCH):
        held = store.occupied[b]
        assert torch.equal(store.stacks.numbers[b][held], memory.labeller(store.keys[b][held]))


@pytest.mark.parametrize("options", [{}, {"perception": SEES}], ids=["blind", "sees the cue"])
def test_without_memory_nothing_is_read(options: Any) -> None:
    assert all(trajectory.reads is None for trajectory in assert_slow(build(**options)))


@pytest.mark.parametrize("core", [None, EpisodicGRU], ids=["lstm", "gru"])
def test_a_closed_gate_leaves_the_core_without_memory(core: Any) -> None:
    # A gate whose weights are 0 and whose bias is far below 0; the other weights are shared.
    options: dict[str, Any] = {} if core is None else {"core": core}
    agent, plain = build(memory=EpisodicMemory, **options), build(**options)
    size = agent.core.hidden_size
    with torch.no_grad():
        if core is None:
            for name in ("weight", "bias"):
                rows = getattr(agent.core, name)
                rows[3 * size : 4 * size] = 0 if name == "weight" else -1e9
                getattr(plain.core, name).copy_(torch.cat([rows[: 3 * size], rows[4 * size :]]))
        else:
            agent.core.reinstate.weight.zero_()  # type: ignore[union-attr, operator]
            agent.core.reinstate.bias.fill_(-1e9)  # type: ignore[union-attr, operator]
            plain.core.load_state_dict(agent.core.state_dict(), strict=False)
        plain.heads.load_state_dict(agent.heads.state_dict())
    for one, other in zip(play(agent), play(plain), strict=True):
        assert (reads_of(one).recall.label >= 0).any() or not AGAIN[0].any()
        assert torch.equal(one.actions, other.actions)
        torch.testing.assert_close(one.hidden, other.hidden)


def test_a_recall_changes_what_the_agent_does() -> None:
    # Else the comparisons above would hold for a memory that is never used.
    agent = build(memory=EpisodicMemory)
    with_memory = joined(play(agent), "hidden")
    agent.memory = None
    without = joined(play(agent), "hidden")
    assert torch.equal(with_memory[0], without[0])
    assert not torch.allclose(with_memory[1:], without[1:], atol=1e-3)


# ------------------------------------------------------------------------------------------------ schedules

SOME = (False, True, False, True, True)
INSIDE = (False, True, False, False, True)
TRAILS = [
    (Trail(by_step=True), Keys()),
    (Trail(reads=SOME, writes=INSIDE, by_step=True, width=2), Keys()),
    (Trail(by_step=True, width=2), Keys()),
    (Trail(reads=(True, False, True, False, True)), Keys()),
    (Trail(writes=INSIDE), Keys()),
    (Trail(writes=INSIDE), Keys(read_at="first")),
    (Trail(reads=SOME, writes=INSIDE), Keys("hidden")),
    (Trail(reads=SOME, writes=INSIDE), Keys("hidden", state="hidden", embedder=EMBEDDER)),
    (Trail(reads=SOME, writes=INSIDE), Keys("hidden", embedder=RECURRENT)),
    (Trail(reads=SOME, writes=INSIDE), Keys("hidden", stored="first", read_at="first")),
    (Trail(reads=SOME), Keys("hidden", stored="all", value="own")),
    (Trail(reads=SOME), Keys("hidden", stored="first", read_at="first")),
    (Trail(reads=SOME, by_step=True), Keys("input", stored="all")),
    (Trail(reads=SOME, writes=INSIDE), Keys("label")),
]


@pytest.mark.parametrize("memory", [EpisodicMemory, best_return], ids=["slots", "stacks"])
@pytest.mark.parametrize(("task", "keys"), TRAILS)
def test_any_schedule_equals_the_slow_player(task: Trail, keys: Keys, memory: Any) -> None:
    spec = task.draw_block(BATCH, seed=5)
    agent = build(task, memory=memory, keys=keys, perception=SEES)
    trajectories = assert_slow(agent, spec, task, trail)
    for trajectory in trajectories:
        labels, similarities, made = reads_of(trajectory).outcome
        assert tuple(made.tolist()) == task.reads
        for part, empty in ((labels, -1), (similarities, float("-inf")), (reads_of(trajectory).queries, 0.0)):
            assert (part[~made] == empty).all()
        assert torch.equal(trajectory.measures["position"], trajectory.actions.sum(dim=0))
    writes = task.sizes.writes if task.writes != END else task.width * len(keys.stored_steps(STEPS))
    if memory is EpisodicMemory:
        per_write = task.width if keys.source == "context" else 1
        assert slots_of(agent).occupied.sum() == BATCH * task.episodes * writes * per_write // task.width


def test_without_a_write_nothing_is_recalled() -> None:
    task = Trail(writes=(False,) * STEPS)
    agent = build(task, memory=EpisodicMemory, keys=Keys(capacity=4))
    assert (recalled(play(agent, task.draw_block(BATCH, seed=5), task)) == -1).all()


# ------------------------------------------------------------------------------------------------ what is recorded


@pytest.mark.parametrize("perception", [None, SEES])
def test_inputs_are_last_action_last_reward_and_cue(perception: Any) -> None:
    agent = build(memory=EpisodicMemory, perception=perception)
    for episode, trajectory in enumerate(play(agent)):
        inputs, arms = trajectory.tape.inputs[:-1], TASK.arms
        assert (inputs[0, :, : arms + 1] == 0).all()
        assert torch.equal(inputs[1:, :, :arms], torch.eye(arms)[trajectory.actions[:-1]])
        assert torch.equal(inputs[1:, :, arms], trajectory.rewards[:-1])
        cues = SPEC.cues[episode].expand(TASK.pulls, -1, -1)
        assert torch.equal(inputs[..., arms + 1 :], cues[..., : 5 if perception else 0])


def test_shapes() -> None:
    trajectory, steps = play(build(memory=EpisodicMemory))[0], TASK.pulls
    assert trajectory.cells.shape == (steps + 1, BATCH, HIDDEN)
    assert trajectory.hidden.shape == (steps, BATCH, HIDDEN)
    for part in (trajectory.actions, trajectory.rewards, trajectory.measures["regret"]):
        assert part.shape == (steps, BATCH)
    assert reads_of(trajectory).recall.value.shape == (steps, BATCH, HIDDEN)
    assert reads_of(trajectory).queries.shape == (steps, BATCH, TASK.cue_size)
    assert not trajectory.hidden.requires_grad


def test_a_memory_that_keeps_sources_keeps_what_its_keys_are_made_of() -> None:
    agent = build(memory=EpisodicMemory, keys=Keys("hidden", stored="all", embedder=EMBEDDER), perception=SEES)
    memory, store = memory_of(agent), slots_of(agent)
    store.keep_sources(HIDDEN)
    trajectories = play(agent)
    states = torch.cat([agent.core.candidates(trajectory.tape).cell for trajectory in trajectories])
    queries = torch.cat([reads_of(trajectory).queries for trajectory in trajectories])
    torch.testing.assert_close(store.sources.transpose(0, 1), states, atol=1e-6, rtol=1e-5)
    assert torch.equal(store.keys.transpose(0, 1), queries)
    assert memory.embedder is not None
    store.rekey(memory.embedder.embed)
    torch.testing.assert_close(store.keys.transpose(0, 1), queries)


@pytest.mark.parametrize("stored", ["last", "all"])
def test_without_an_embedder_it_keeps_the_drawings_rows(stored: str) -> None:
    task = DrawingBandit(arms=3, contexts=4, exposures=3, pulls=4, characters=6, drawings=5, pixels=5)
    drawn = task.draw_block(BATCH, seed=3)
    assert drawn.drawings is not None
    spec = drawn._replace(cues=torch.randn(30, 5)[drawn.drawings])
    agent = build(task, memory=EpisodicMemory, keys=Keys("hidden", stored=stored), perception=SEES)
    store = slots_of(agent)
    without = play(agent, spec, task)
    store.keep_sources(1)
    assert_equal(play(agent, spec, task), without)
    rows = store.sources.squeeze(-1).T.long()  # [N, B]
    assert torch.equal(rows, drawn.drawings.repeat_interleave(len(rows) // task.episodes, dim=0))
    assert torch.equal(rows // 5, store.labels.T)


@pytest.mark.parametrize("stored", ["queried", "both"])
def test_keys_of_drawings_are_the_cues_of_their_steps(stored: str) -> None:
    task = CompositionalDrawingBandit(
        classes=6, exposures=2, pulls=4, stored=stored, characters=8, drawings=3, pixels=5
    )
    drawn = task.draw_block(BATCH, seed=3)
    assert drawn.drawings is not None
    embeddings = torch.randn(24, 5)
    spec = task.with_cues(drawn, embeddings[drawn.drawings])
    agent = build(task, memory=EpisodicMemory)
    store = slots_of(agent)
    store.keep_sources(1)
    played = play(agent, spec, task)
    steps = (2, 3) if stored == "both" else (3,)
    for b in range(BATCH):
        for e in range(6):
            for number, t in enumerate(steps):
                row = int(drawn.drawings[e, t, b])
                slot = len(steps) * e + number
                assert torch.equal(store.keys[b, slot], embeddings[row])
                assert int(store.sources[b, slot, 0]) == row
                assert int(store.labels[b, slot]) == row // 3
            reads = played[e].reads
            assert reads is not None
            assert torch.equal(reads.queries[0, b], embeddings[int(drawn.drawings[e, 0, b])])


# ------------------------------------------------------------------------------------------------ dependence


def test_equal_seeds_give_equal_blocks_and_leave_the_global_generator_alone() -> None:
    agent = build(memory=EpisodicMemory)
    one, before = play(agent), torch.get_rng_state()
    torch.manual_seed(5)
    again = torch.get_rng_state()
    assert_equal(play(agent, TASK.draw_block(BATCH, seed=11)), one)
    assert torch.equal(torch.get_rng_state(), again)
    torch.set_rng_state(before)
    assert not torch.equal(joined(play(agent, SPEC._replace(seed=1)), "actions"), joined(one, "actions"))


def test_the_memory_is_cleared_at_the_start() -> None:
    agent, fresh = build(memory=EpisodicMemory), play(build(memory=EpisodicMemory))
    for batch in (BATCH, 2):
        play(agent, TASK.draw_block(batch, seed=12))
        assert_equal(play(agent), fresh)


def test_weights_changed_between_two_episodes_are_used_from_the_next_on() -> None:
    agent, changed = build(), build()
    with torch.no_grad():
        changed.core.weight.mul_(0.5)  # type: ignore[operator]
    episodes = rollout(TASK, agent, SPEC)
    first = next(episodes)
    agent.load_state_dict(changed.state_dict())
    actions = torch.stack([first.actions, (second := next(episodes)).actions])
    two = SPEC._replace(labels=SPEC.labels[:2])
    before, after = (play_slowly(one, TASK, two, bandit, actions).hidden for one in (build(), changed))
    torch.testing.assert_close(first.hidden, before[0], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(second.hidden, after[1], atol=2e-5, rtol=1e-4)
    assert not torch.allclose(before[1], after[1], atol=1e-3)


def test_environments_are_independent() -> None:
    other = TASK.draw_block(BATCH, seed=99)

    def mix(one: Tensor, other: Tensor) -> Tensor:
        return torch.cat([other[:, :1], one[:, 1:]], dim=1)

    mixed = SPEC._replace(
        cues=mix(SPEC.cues, other.cues),
        labels=mix(SPEC.labels, other.labels),
        rules=SPEC.rules._replace(contexts=mix(SPEC.rules.contexts, other.rules.contexts)),
    )
    agent = build(memory=EpisodicMemory, perception=SEES)
    one, two = (joined(play(agent, spec), "hidden") for spec in (SPEC, mixed))
    torch.testing.assert_close(one[:, :, 1:], two[:, :, 1:])
    assert not torch.allclose(one[:, :, 0], two[:, :, 0])


def test_actions_are_drawn_from_the_policy() -> None:
    probabilities = torch.tensor([0.1, 0.3, 0.6])
    agent = build()
    with torch.no_grad():
        agent.heads.weight.zero_()
        agent.heads.bias[:3] = probabilities.log()
    actions = joined(play(agent, TASK.draw_block(400, seed=0)), "actions")
    shares = torch.bincount(actions.flatten(), minlength=3) / actions.numel()
    assert ((shares - probabilities).abs() < 5 * (probabilities * (1 - probabilities) / actions.numel()).sqrt()).all()
    # Steps, episodes and environments draw independently of each other.
    for one, other in (
        (actions[1:], actions[:-1]),
        (actions[:, 1:], actions[:, :-1]),
        (actions[..., 1:], actions[..., :-1]),
    ):
        assert (one == other).float().mean().item() == pytest.approx(0.01 + 0.09 + 0.36, abs=0.02)


def test_choices_do_not_follow_the_luck() -> None:
    # One pull a block: there, one and the same stream of numbers for both would show.
    task = BarcodeBandit(arms=2, contexts=1, exposures=1, pulls=1, bits=5, every_arm_best=False)
    agent = build_agent(task.sizes).agent
    torch.nn.init.zeros_(agent.heads.weight)
    specs = [task.draw_block(1, seed) for seed in range(400)]
    actions = torch.cat([play(agent, spec, task)[0].actions.flatten() for spec in specs])
    luck = torch.cat([task.luck(spec).flatten() for spec in specs])
    assert abs(torch.corrcoef(torch.stack([actions.float(), luck]))[0, 1].item()) < 5 / 400**0.5


@pytest.mark.parametrize("device", DEVICES)
def test_devices(device: str) -> None:
    agent = build(memory=EpisodicMemory, keys=Keys("hidden", stored="first"), perception=SEES).to(device)
    spec = SPEC.to(device)
    trajectories, luck = play(agent, spec), TASK.luck(spec)
    for e, trajectory in enumerate(trajectories):
        assert trajectory.hidden.device.type == device
        paid = luck[e] < spec.rules.arms(e).gather(1, trajectory.actions.T).T  # a device's luck is its own
        assert torch.equal(trajectory.rewards, paid.float())
    assert_equal(play(agent, spec), trajectories)
