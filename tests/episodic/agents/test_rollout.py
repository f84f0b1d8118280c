"""The batched rollout against a replay of each environment on its own, step by step."""

import re
from typing import Any, NamedTuple

import pytest
import torch
from episodic.networks.actor_critic import RecurrentActorCritic
from torch import Tensor

from episodic.agents.keys import KeySource
from episodic.agents.rollout import Trajectory, play_episodes, rollout
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.memory import Memory
from episodic.memory.stack_memory import StackMemory
from episodic.networks.episodic_lstm import LSTMState
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.drawing_bandit import DrawingBandit

HIDDEN, BATCH = 6, 5
TASK = BarcodeBandit(arms=3, contexts=4, exposures=3, pulls=4, bits=5)
SPEC = TASK.draw_block(BATCH, seed=11)
DEVICES = [
    pytest.param("cpu"),
    pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")),
]


def build_agent(task: BarcodeBandit = TASK, **options: Any) -> RecurrentActorCritic:
    """An agent whose policy depends visibly on its state."""
    torch.manual_seed(0)
    agent = RecurrentActorCritic(task.arms, task.cue_size, HIDDEN, **options)
    with torch.no_grad():
        agent.cell.weight.mul_(3)
        agent.heads.weight.mul_(20)
    return agent


def build_memory(task: BarcodeBandit = TASK, keys: KeySource = KeySource(), **options: Any) -> Memory:  # noqa: B008
    sizes = {"actions": task.arms, "cue_size": task.cue_size, "hidden_size": HIDDEN, "label_count": task.label_count}
    capacity = task.episodes * len(keys.stored_steps(task.pulls))
    kind = StackMemory if options.pop("organisation", "append") == "stack" else EpisodicMemory
    return kind(**{"capacity": capacity, **options}, key_size=keys.size(**sizes), value_size=HIDDEN)


def build_encoder(recurrent: bool = False) -> HiddenStateEmbedder:
    """An encoder whose running statistics set its keys well apart: else rounding would choose among them."""
    torch.manual_seed(1)
    encoder = HiddenStateEmbedder(HIDDEN, embedding_size=4, hidden_layer=7, recurrent=recurrent)
    with torch.no_grad():
        for _ in range(40):
            encoder.embed(0.3 * torch.randn(50, HIDDEN) + 0.1)
    return encoder.requires_grad_(False).eval()


def move(spec: BlockSpec, device: str) -> BlockSpec:
    tensors = ((name, field) for name, field in spec._asdict().items() if isinstance(field, Tensor))
    fields: dict[str, Any] = {name: field.to(device) for name, field in tensors}
    return spec._replace(**fields)


class Stored(NamedTuple):
    key: Tensor
    value: Tensor
    label: int


class ListMemory:
    """The memory of one environment, as a list from the oldest to the newest."""

    def __init__(self, capacity: int, organisation: str) -> None:
        self.capacity, self.stack = capacity, organisation == "stack"
        self.by_age: list[Stored] = []
        self.by_use: list[int] = []  # labels, the least recently used first; for stacks alone

    def read(self, query: Tensor) -> Stored:
        if not self.by_age:
            return Stored(query, torch.zeros(HIDDEN), -1)
        near = [torch.cosine_similarity(query, stored.key, dim=0, eps=1e-12).item() for stored in self.by_age]
        newest = max(place for place, value in enumerate(near) if value >= max(near) - 1e-5)
        self._use(self.by_age[newest].label)
        return self.by_age[newest]

    def write(self, stored: Stored) -> None:
        if self.stack and stored.label in self.by_use:
            self._drop(stored.label)
        elif len(self.by_age) == self.capacity:
            self._drop(self.by_use[0] if self.stack else self.by_age[0].label)
        self.by_age.append(stored)
        self._use(stored.label)

    def _drop(self, label: int) -> None:
        del self.by_age[next(place for place, stored in enumerate(self.by_age) if stored.label == label)]

    def _use(self, label: int) -> None:
        self.by_use = [one for one in self.by_use if one != label and self._holds(one)] + [label]

    def _holds(self, label: int) -> bool:
        return any(stored.label == label for stored in self.by_age)


def slow_query(keys: KeySource, cue: Tensor, label: int, labels: int, x: Tensor, candidate: LSTMState) -> Tensor:
    """The query of one step in one environment; `x` is action and reward before it."""
    if keys.source == "context":
        return cue
    if keys.source == "label":
        return torch.eye(labels)[label]
    if keys.source == "input":
        return torch.cat([x, cue])
    return candidate.cell[0] if keys.state == "cell" else candidate.hidden[0]


def slow_encoding(keys: KeySource, states: list[Tensor]) -> Tensor:
    """What the encoder makes of an episode's last state, given those before it."""
    assert isinstance(keys.encoder, HiddenStateEmbedder)
    return keys.encoder.embed(torch.stack(states).unsqueeze(0))[0]


@torch.no_grad()
def replay(
    agent: RecurrentActorCritic,
    spec: BlockSpec,
    actions: Tensor,
    capacity: int = 0,
    organisation: str = "append",
    task: BarcodeBandit = TASK,
    keys: KeySource = KeySource(),  # noqa: B008
) -> dict[str, Tensor]:
    """Take the recorded actions again, one environment at a time; without memory where capacity is 0."""
    luck, shape = task.luck(spec), actions.shape
    found = {
        "hidden": torch.zeros(*shape, HIDDEN),
        "cells": torch.zeros(shape[0], shape[1] + 1, shape[2], HIDDEN),
        "rewards": torch.zeros(shape),
        "regrets": torch.zeros(shape),
        "logits": torch.zeros(*shape, task.arms),
        "labels": torch.full(shape, -1),
    }
    for b in range(spec.batch_size):
        memory = ListMemory(capacity, organisation)
        for e in range(spec.episodes):
            cue, pays = spec.cues[e, b], spec.rules.probabilities[b, int(spec.rules.contexts[e, b])]
            label = int(spec.labels[e, b])
            state = agent.cell.initial_state(1)
            before = torch.zeros(task.arms + 1)
            queries: list[Tensor] = []
            states: list[Tensor] = []
            recalled = Stored(cue, torch.zeros(HIDDEN), -1)
            for t in range(task.pulls):
                x = (torch.cat([before, cue]) if agent.cue_input else before).unsqueeze(0)
                candidate, _ = agent.cell(x, state, None)
                states.append(slow_query(keys, cue, label, task.label_count, before, candidate))
                queries.append(slow_encoding(keys, states) if keys.source == "encoder" else states[-1])
                if capacity and (t == 0 or keys.read_at == "every"):
                    recalled = memory.read(queries[-1])
                found["labels"][e, t, b] = recalled.label
                state, _ = agent.cell(x, state, recalled.value.unsqueeze(0) if capacity else None)
                action = int(actions[e, t, b])
                reward = float(luck[e, t, b] < pays[action])
                before = torch.zeros(task.arms + 1)
                before[action], before[-1] = 1.0, reward
                found["hidden"][e, t, b], found["cells"][e, t + 1, b] = state.hidden[0], state.cell[0]
                found["logits"][e, t, b] = agent.evaluate(state.hidden[0])[0]
                found["rewards"][e, t, b], found["regrets"][e, t, b] = reward, pays.max() - pays[action]
            stored = {"first": [0], "last": [task.pulls - 1], "all": list(range(task.pulls))}
            stored["after_first_quarter"] = [t for t in range(task.pulls) if t >= task.pulls // 4]
            for t in stored[keys.stored] if capacity else []:
                value = state.cell[0] if keys.value == "final" else found["cells"][e, t + 1, b].clone()
                memory.write(Stored(queries[t], value, label))
    return found


def assert_replayed(trajectory: Trajectory, expected: dict[str, Tensor]) -> None:
    close: dict[str, Any] = {"atol": 2e-5, "rtol": 1e-4}
    torch.testing.assert_close(trajectory.hidden, expected["hidden"], **close)
    torch.testing.assert_close(trajectory.cells, expected["cells"], **close)
    assert torch.equal(trajectory.rewards, expected["rewards"])
    torch.testing.assert_close(trajectory.regrets, expected["regrets"])
    if trajectory.recall is not None:
        assert torch.equal(trajectory.recall.label, expected["labels"])


def assert_same(one: Any, other: Any) -> None:
    for field, expected in zip(one, other, strict=True):
        if isinstance(field, tuple):
            assert_same(field, expected)
        elif field is None:
            assert expected is None
        else:
            assert torch.equal(field, expected)


def part(block: Any, episode: int) -> Any:
    """One episode of all fields of a block."""
    if isinstance(block, tuple):
        return [part(field, episode) for field in block]
    return None if block is None else block[episode]


@pytest.mark.parametrize("greedy", [False, True])
@pytest.mark.parametrize("cue_input", [False, True])
@pytest.mark.parametrize("organisation", ["append", "stack"])
@pytest.mark.parametrize("capacity", [TASK.episodes, 3])
def test_rollout_equals_the_slow_replay(capacity: int, organisation: str, cue_input: bool, greedy: bool) -> None:
    agent = build_agent(cue_input=cue_input)
    memory = build_memory(capacity=capacity, organisation=organisation)
    trajectory = rollout(TASK, agent, memory, SPEC, greedy=greedy)
    expected = replay(agent, SPEC, trajectory.actions, capacity, organisation)
    assert_replayed(trajectory, expected)
    if greedy:
        assert torch.equal(trajectory.actions, expected["logits"].argmax(dim=-1))


SOURCES = [
    KeySource("label"),
    KeySource("input"),
    KeySource("input", stored="all"),
    KeySource("hidden"),
    KeySource("hidden", state="hidden"),
    KeySource("hidden", stored="first"),
    KeySource("hidden", stored="after_first_quarter"),
    KeySource("hidden", state="hidden", stored="all", value="own"),
    KeySource("hidden", stored="all", value="own"),
    KeySource("input", stored="first", read_at="first"),
    KeySource("hidden", stored="first", read_at="first"),
    KeySource("encoder", encoder=build_encoder()),
    KeySource("encoder", state="hidden", stored="all", value="own", encoder=build_encoder()),
    KeySource("encoder", stored="first", read_at="first", encoder=build_encoder()),
    KeySource("encoder", encoder=build_encoder(recurrent=True)),
    KeySource("encoder", state="hidden", stored="after_first_quarter", encoder=build_encoder(recurrent=True)),
    KeySource("encoder", stored="first", read_at="first", encoder=build_encoder(recurrent=True)),
]


def name_of(keys: KeySource) -> str:
    recurrent = "recurrent " if keys.encoder is not None and keys.encoder.initial_state(1) is not None else ""
    return f"{recurrent}{keys.source}, {keys.state}, {keys.stored}, {keys.value}, {keys.read_at}"


@pytest.mark.parametrize("organisation", ["append", "stack"])
@pytest.mark.parametrize("keys", SOURCES, ids=name_of)
def test_every_key_source_equals_the_slow_replay(keys: KeySource, organisation: str) -> None:
    agent = build_agent(cue_input=True)
    memory = build_memory(keys=keys, organisation=organisation)
    trajectory = rollout(TASK, agent, memory, SPEC, keys=keys)
    expected = replay(agent, SPEC, trajectory.actions, memory.capacity, organisation, keys=keys)
    assert_replayed(trajectory, expected)


def test_a_query_of_the_hidden_state_knows_of_the_cue_at_the_first_step() -> None:
    agent = build_agent(cue_input=True)
    keys = KeySource("hidden", stored="all")
    trajectory = rollout(TASK, agent, build_memory(keys=keys), SPEC, keys=keys)
    assert trajectory.recall is not None
    again = SPEC.exposures > 1
    assert torch.equal(trajectory.recall.label[:, 0][again], SPEC.labels[again])


def test_what_is_searched_at_the_first_pull_alone_is_kept_for_the_episode() -> None:
    keys = KeySource("encoder", stored="first", read_at="first", encoder=build_encoder())
    trajectory = rollout(TASK, build_agent(cue_input=True), build_memory(keys=keys), SPEC, keys=keys)
    assert trajectory.queries is not None
    assert trajectory.recall is not None
    for field in (trajectory.queries, *trajectory.recall):
        assert torch.equal(field, field[:, :1].expand_as(field))
    again = SPEC.exposures > 1
    assert torch.equal(trajectory.recall.label[:, 0][again], SPEC.labels[again])


@pytest.mark.parametrize("recurrent", [False, True])
def test_an_encoder_makes_the_keys_of_what_the_source_hidden_searches_with(recurrent: bool) -> None:
    encoder, agent = build_encoder(recurrent), build_agent(cue_input=True)
    keys = KeySource("encoder", stored="all", encoder=encoder)
    memory = build_memory(keys=keys)
    memory.keep_sources(HIDDEN)
    trajectory = rollout(TASK, agent, memory, SPEC, keys=keys)
    assert trajectory.queries is not None
    shape = (TASK.episodes * TASK.pulls, BATCH)
    states = agent.cell.candidates(trajectory.gates.flatten(0, 1), _joined(trajectory.cells)).cell
    torch.testing.assert_close(memory.sources.transpose(0, 1), states, atol=1e-6, rtol=1e-5)
    assert torch.equal(memory.keys.transpose(0, 1), trajectory.queries.view(*shape, -1))
    if not recurrent:
        memory.rekey(encoder.embed)
        torch.testing.assert_close(memory.keys.transpose(0, 1), trajectory.queries.view(*shape, -1))


def _joined(cells: Tensor) -> Tensor:
    """Cell states of a block, `[E, T + 1, B, H]`, as `EpisodicLSTMCell.candidates` wants those before each step."""
    before = cells[:, :-1].flatten(0, 1)
    return torch.cat([before, before[:1]])  # what comes last is not looked at


@pytest.mark.parametrize("read_at", ["first", "every"])
def test_an_encoder_of_cues_makes_the_same_key_at_every_pull(read_at: str) -> None:
    torch.manual_seed(0)
    encoder = HiddenStateEmbedder(TASK.cue_size, embedding_size=4, hidden_layer=7).requires_grad_(False).eval()
    keys = KeySource("encoder", state="cue", stored="first", read_at=read_at, encoder=encoder)
    memory = EpisodicMemory(TASK.episodes, 4, HIDDEN)
    memory.keep_sources(TASK.cue_size)
    trajectory = rollout(TASK, build_agent(cue_input=False), memory, SPEC, keys=keys)
    assert trajectory.queries is not None
    expected = torch.stack([encoder.embed(cues) for cues in SPEC.cues])  # [E, B, K]
    assert torch.equal(trajectory.queries, expected.unsqueeze(1).expand_as(trajectory.queries))
    assert torch.equal(memory.sources.transpose(0, 1), SPEC.cues), "what it learns from online"


def test_stacks_may_be_found_by_what_is_made_of_the_key() -> None:
    def halves(key: Tensor) -> Tensor:
        return (key[:, 0] > 0).long()

    keys = KeySource("encoder", encoder=build_encoder(), stack_of=halves)
    memory = build_memory(keys=keys, organisation="stack")
    trajectory = rollout(TASK, build_agent(cue_input=True), memory, SPEC, keys=keys)
    assert trajectory.queries is not None
    assert memory.stacks is not None
    stacks = torch.stack([halves(queries[-1]) for queries in trajectory.queries])
    for b in range(BATCH):
        found = {int(stack): int(label) for stack, label in zip(stacks[:, b], SPEC.labels[:, b], strict=True)}
        held = memory.occupied[b]
        kept = zip(memory.stacks.numbers[b][held].tolist(), memory.labels[b][held].tolist(), strict=True)
        assert dict(kept) == found, "the label is that of the last episode in the stack"


def test_an_encoder_needs_no_reinstatement_gate() -> None:
    agent = build_agent(reinstatement=False, cue_input=True)
    keys = KeySource("encoder", encoder=build_encoder())
    trajectory = rollout(TASK, agent, build_memory(keys=keys), SPEC, keys=keys)
    assert_replayed(trajectory._replace(recall=None, queries=None), replay(agent, SPEC, trajectory.actions))


@pytest.mark.parametrize("source", ["context", "hidden"])
def test_a_learned_query_gets_the_gradient_of_what_was_recalled(source: str) -> None:
    keys = KeySource(source)
    memory = build_memory(keys=keys, neighbours=3, learned_query=True)
    assert memory.query_projection is not None
    for number, episode in enumerate(play_episodes(TASK, build_agent(cue_input=True), memory, SPEC, keys=keys)):
        assert episode.recall is not None
        assert not episode.hidden.requires_grad
        memory.zero_grad()
        episode.recall.value.square().sum().backward()
        gradient = memory.query_projection.weight.grad
        assert gradient is not None
        assert gradient.isfinite().all()
        assert gradient.any() == (number > 1), "there is nothing to weigh until two are stored"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "cue"}, "key_source is 'cue': it has to be one of context, input, hidden, encoder, label, none"),
        ({"source": "hidden", "state": "both"}, "key_state is 'both'"),
        ({"source": "hidden", "state": "cue"}, "key_state is 'cue': it has to be one of cell, hidden"),
        ({"source": "encoder", "state": "both"}, "key_state is 'both': it has to be one of cell, hidden, cue"),
        ({"source": "hidden", "stored": "best"}, "stored_states is 'best'"),
        ({"source": "hidden", "value": "mean"}, "stored_value is 'mean'"),
        ({"source": "context", "stored": "all"}, "stored_states is 'all': with key_source context, whose"),
        ({"source": "hidden", "read_at": "last"}, "read_at is 'last': it has to be one of every, first"),
        ({"source": "hidden", "read_at": "first"}, "stored_states is 'last': with read_at 'first'"),
        ({"source": "encoder"}, "key_source is 'encoder': an encoder has to be given"),
    ],
)
def test_bad_key_sources_are_named(options: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        KeySource(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize("cue_input", [False, True])
@pytest.mark.parametrize("reinstatement", [False, True])
def test_rollout_without_memory(cue_input: bool, reinstatement: bool) -> None:
    agent = build_agent(cue_input=cue_input, reinstatement=reinstatement)
    trajectory = rollout(TASK, agent, None, SPEC)
    assert trajectory.recall is None
    assert_replayed(trajectory, replay(agent, SPEC, trajectory.actions))


def test_a_recall_changes_what_the_agent_does() -> None:
    # Else the comparisons above would hold for a memory that is never used.
    agent = build_agent()
    with_memory = rollout(TASK, agent, build_memory(), SPEC)
    without = rollout(TASK, agent, None, SPEC)
    assert torch.equal(with_memory.hidden[0], without.hidden[0])
    assert not torch.allclose(with_memory.hidden[1:], without.hidden[1:], atol=1e-3)


def test_an_agent_without_the_gate_may_have_a_memory() -> None:
    agent = build_agent(reinstatement=False)
    trajectory = rollout(TASK, agent, build_memory(), SPEC)
    assert trajectory.recall is not None
    assert_replayed(trajectory._replace(recall=None, queries=None), replay(agent, SPEC, trajectory.actions))


def test_what_is_recalled_is_the_last_cell_state_of_that_episode() -> None:
    trajectory = rollout(TASK, build_agent(), build_memory(), SPEC)
    assert trajectory.recall is not None
    last: dict[tuple[int, int], Tensor] = {}
    for e in range(SPEC.episodes):
        for b in range(BATCH):
            label = int(trajectory.recall.label[e, 0, b])
            assert (trajectory.recall.label[e, :, b] == label).all()
            expected = last[b, label] if label >= 0 else torch.zeros(HIDDEN)
            assert (trajectory.recall.value[e, :, b] == expected).all()
            if SPEC.exposures[e, b] > 1:
                assert label == SPEC.labels[e, b]
        last.update({(b, int(SPEC.labels[e, b])): trajectory.cells[e, -1, b] for b in range(BATCH)})


@pytest.mark.parametrize("with_memory", [True, False])
def test_whole_equals_pieces_and_comes_back(with_memory: bool) -> None:
    agent = build_agent()
    memory = build_memory() if with_memory else None
    whole = rollout(TASK, agent, memory, SPEC)
    pieces = list(play_episodes(TASK, agent, memory, SPEC))
    assert len(pieces) == SPEC.episodes
    for episode, piece in enumerate(pieces):
        assert_same(piece, part(whole, episode))
    assert_same(rollout(TASK, agent, memory, SPEC), whole)


def test_shapes() -> None:
    agent, (steps, episodes) = build_agent(cue_input=True), (TASK.pulls, TASK.episodes)
    trajectory = rollout(TASK, agent, build_memory(), SPEC)
    assert trajectory.joint.shape == (episodes, steps, BATCH, 3 + 1 + 5 + HIDDEN)
    assert trajectory.cells.shape == (episodes, steps + 1, BATCH, HIDDEN)
    assert trajectory.gates.shape == (episodes, steps, BATCH, 5 * HIDDEN)
    assert trajectory.hidden.shape == (episodes, steps, BATCH, HIDDEN)
    for field in (trajectory.actions, trajectory.rewards, trajectory.regrets):
        assert field.shape == (episodes, steps, BATCH)
    assert trajectory.recall is not None
    assert trajectory.recall.value.shape == (episodes, steps, BATCH, HIDDEN)
    assert trajectory.queries is not None
    assert trajectory.queries.shape == (episodes, steps, BATCH, TASK.cue_size)
    assert not trajectory.hidden.requires_grad


@pytest.mark.parametrize("cue_input", [False, True])
def test_inputs_are_last_action_last_reward_and_cue(cue_input: bool) -> None:
    agent = build_agent(cue_input=cue_input)
    trajectory = rollout(TASK, agent, build_memory(), SPEC)
    joint, arms = trajectory.joint, TASK.arms
    assert (joint[:, 0, :, : arms + 1] == 0).all()
    assert torch.equal(joint[:, 1:, :, :arms].argmax(-1), trajectory.actions[:, :-1])
    assert (joint[:, 1:, :, :arms].sum(-1) == 1).all()
    assert torch.equal(joint[:, 1:, :, arms], trajectory.rewards[:, :-1])
    if cue_input:
        cues = SPEC.cues.unsqueeze(1).expand(-1, TASK.pulls, -1, -1)
        assert torch.equal(joint[..., arms + 1 : agent.input_size], cues)
    assert (joint[:, 0, :, agent.input_size :] == 0).all()
    assert torch.equal(joint[:, 1:, :, agent.input_size :], trajectory.hidden[:, :-1])


@pytest.mark.parametrize("with_memory", [True, False])
def test_the_network_replays_the_rollout(with_memory: bool) -> None:
    agent = build_agent(reinstatement=with_memory)
    for episode in play_episodes(TASK, agent, build_memory() if with_memory else None, SPEC):
        recalled = episode.recall.value if episode.recall is not None else None
        logits, values = agent(episode.joint, episode.cells, episode.gates, recalled)
        expected = agent.evaluate(episode.hidden)
        torch.testing.assert_close((logits, values), expected, atol=1e-5, rtol=1e-4)
        assert logits.requires_grad


def test_weights_changed_between_two_episodes_are_used_from_the_next_on() -> None:
    agent, changed = build_agent(), build_agent()
    with torch.no_grad():
        changed.cell.weight.mul_(0.5)
    episodes = play_episodes(TASK, agent, None, SPEC)
    first = next(episodes)
    agent.load_state_dict(changed.state_dict())
    second = next(episodes)
    actions = torch.stack([first.actions, second.actions])
    before = replay(build_agent(), SPEC._replace(labels=SPEC.labels[:2]), actions)
    after = replay(changed, SPEC._replace(labels=SPEC.labels[:2]), actions)
    torch.testing.assert_close(first.hidden, before["hidden"][0], atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(second.hidden, after["hidden"][1], atol=2e-5, rtol=1e-4)
    assert not torch.allclose(before["hidden"][1], after["hidden"][1], atol=1e-3)


def test_the_memory_is_cleared_at_the_start() -> None:
    agent, memory = build_agent(), build_memory()
    rollout(TASK, agent, memory, TASK.draw_block(BATCH, seed=12))
    assert_same(rollout(TASK, agent, memory, SPEC), rollout(TASK, agent, build_memory(), SPEC))
    rollout(TASK, agent, memory, TASK.draw_block(2, seed=12))
    assert_same(rollout(TASK, agent, memory, SPEC), rollout(TASK, agent, build_memory(), SPEC))


def test_environments_are_independent() -> None:
    agent = build_agent(cue_input=True)
    other = TASK.draw_block(BATCH, seed=99)
    fields = {name: getattr(SPEC, name).clone() for name in ("cues", "labels", "contexts", "exposures")}
    for name, field in fields.items():
        field[:, 0] = getattr(other, name)[:, 0]
    mixed = SPEC._replace(**fields)
    one, two = (rollout(TASK, agent, build_memory(), spec) for spec in (SPEC, mixed))
    assert torch.equal(one.actions[..., 1:], two.actions[..., 1:])
    torch.testing.assert_close(one.hidden[:, :, 1:], two.hidden[:, :, 1:])
    assert not torch.allclose(one.hidden[:, :, 0], two.hidden[:, :, 0])


def test_actions_are_drawn_from_the_policy() -> None:
    probabilities = torch.tensor([0.1, 0.3, 0.6])
    agent = build_agent()
    with torch.no_grad():
        agent.heads.weight.zero_()
        agent.heads.bias[:3] = probabilities.log()
    actions = rollout(TASK, agent, None, TASK.draw_block(400, seed=0)).actions
    count = actions.numel()
    found = torch.bincount(actions.flatten(), minlength=3) / count
    assert ((found - probabilities).abs() < 5 * (probabilities * (1 - probabilities) / count).sqrt()).all()
    # Steps, episodes and environments draw independently of each other.
    same = [(actions[1:] == actions[:-1]), (actions[:, 1:] == actions[:, :-1]), actions[..., 1:] == actions[..., :-1]]
    for pairs in same:
        assert pairs.float().mean().item() == pytest.approx(0.01 + 0.09 + 0.36, abs=0.02)


def test_choices_do_not_follow_the_luck() -> None:
    # One pull a block: there, one and the same stream of numbers for both would meet.
    task = BarcodeBandit(arms=2, contexts=1, exposures=1, pulls=1, bits=5, every_arm_best=False)
    agent = build_agent(task)
    torch.nn.init.zeros_(agent.heads.weight)
    specs = [task.draw_block(1, seed) for seed in range(400)]
    actions = torch.cat([rollout(task, agent, None, spec).actions.flatten() for spec in specs])
    luck = torch.cat([task.luck(spec).flatten() for spec in specs])
    correlation = torch.corrcoef(torch.stack([actions.float(), luck]))[0, 1].item()
    assert abs(correlation) < 5 / 400**0.5


def test_another_block_has_other_choices() -> None:
    agent = build_agent()
    one, other = (rollout(TASK, agent, None, SPEC._replace(seed=seed)) for seed in (1, 2))
    assert not torch.equal(one.actions, other.actions)


@pytest.mark.parametrize("greedy", [False, True])
def test_the_global_generator_is_left_alone(greedy: bool) -> None:
    agent = build_agent()
    before = torch.get_rng_state()
    one = rollout(TASK, agent, build_memory(), SPEC, greedy=greedy)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(5)
    assert_same(rollout(TASK, agent, build_memory(), SPEC, greedy=greedy), one)


@pytest.mark.parametrize("device", DEVICES)
def test_devices(device: str) -> None:
    agent = build_agent().to(device)
    spec = move(SPEC, device)
    memory = build_memory().to(device)
    trajectory = rollout(TASK, agent, memory, spec)
    assert trajectory.hidden.device.type == device
    # What a device does is replayed there too: its luck is its own.
    luck = TASK.luck(spec)
    chosen = torch.stack([spec.rules.arms(e).gather(1, trajectory.actions[e].T).T for e in range(spec.episodes)])
    assert torch.equal(trajectory.rewards, (luck < chosen).float())
    assert_same(rollout(TASK, agent, memory, spec), trajectory)


# ------------------------------------------------------------------------------------------------ projected cues


def test_a_projected_cue_is_what_the_network_is_played_and_trained_with() -> None:
    agent = build_agent(cue_input=True, cue_projection=2)
    for number, episode in enumerate(play_episodes(TASK, agent, build_memory(), SPEC)):
        seen = episode.joint[..., TASK.arms + 1 : agent.input_size]
        projected = agent.perceived(SPEC.cues[number]).detach()
        assert projected.shape == (BATCH, 2)
        assert torch.equal(seen, projected.expand(TASK.pulls, -1, -1))
        assert episode.recall is not None
        played = agent(episode.joint, episode.cells, episode.gates, episode.recall.value, SPEC.cues[number])
        torch.testing.assert_close(played, agent.evaluate(episode.hidden), atol=1e-5, rtol=1e-4)


def test_keys_are_of_the_cue_as_it_is() -> None:
    trajectory = rollout(TASK, build_agent(cue_input=True, cue_projection=2), build_memory(), SPEC)
    assert trajectory.queries is not None
    assert torch.equal(trajectory.queries[:, -1], SPEC.cues)


# ------------------------------------------------------------------------------------------------ drawings

DRAWN = DrawingBandit(arms=3, contexts=4, exposures=3, pulls=4, characters=6, drawings=5, pixels=5)


def shown() -> BlockSpec:
    """A block whose drawings have random cues, the same whenever a drawing is met."""
    spec = DRAWN.draw_block(BATCH, seed=3)
    assert spec.drawings is not None
    table = torch.randn(30, 5, generator=torch.Generator().manual_seed(0))
    return spec._replace(cues=table[spec.drawings])


@pytest.mark.parametrize("stored", ["last", "all"])
def test_a_memory_that_keeps_sources_keeps_the_drawings_rows(stored: str) -> None:
    keys = KeySource("hidden", stored=stored)
    spec, slots = shown(), DRAWN.episodes * len(keys.stored_steps(DRAWN.pulls))
    memory = EpisodicMemory(slots, HIDDEN, HIDDEN)
    memory.keep_sources(1)
    rollout(DRAWN, build_agent(cue_input=True), memory, spec, keys=keys)
    assert spec.drawings is not None
    rows = memory.sources.squeeze(-1).T.long()  # [N, B]
    assert torch.equal(rows, spec.drawings.repeat_interleave(slots // DRAWN.episodes, dim=0))
    assert torch.equal(rows // 5, memory.labels.T)


def test_drawings_change_nothing_where_no_sources_are_kept() -> None:
    spec = shown()
    one, other = (
        rollout(DRAWN, build_agent(), EpisodicMemory(12, 5, HIDDEN), played)
        for played in (spec, spec._replace(drawings=None))
    )
    assert_same(one, other)


def test_states_that_an_encoder_made_keys_of_go_before_drawings() -> None:
    keys, spec = KeySource("encoder", encoder=build_encoder()), shown()
    memory = EpisodicMemory(DRAWN.episodes, 4, HIDDEN)
    memory.keep_sources(HIDDEN)
    trajectory = rollout(DRAWN, build_agent(), memory, spec, keys=keys)
    assert trajectory.queries is not None
    with torch.no_grad():
        made = build_encoder().embed(memory.sources.transpose(0, 1).flatten(0, 1))
    torch.testing.assert_close(made.view(-1, BATCH, 4), trajectory.queries[:, -1])
