"""An embedder that learns while its agent plays: its lessons, and what they reach."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from episodic.agents.drawing_cues import DrawingTable
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.agents.keys import Keys
from episodic.agents.learning.examples import StoredDrawings, StoredStates
from episodic.agents.learning.learner import EmbedderLearner, Learner
from episodic.agents.learning.triggers import AfterBlock, AfterEpisode
from episodic.agents.parts import build_agent
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.objectives import KaiserConfig, LinearSchedule, Objectives, SoftmaxConfig, TripletConfig
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.drawing_bandit import DrawingBandit
from tests.episodic.agents.agents import SEES, slots_of
from tests.episodic.agents.stored import LABELS, SIZE, drawn, seeded, states, table
from tests.episodic.memory.memory_oracle import DEVICES

STROKES: Any = {"degrees": 20.0, "stroke": 1.0}
OBJECTIVES = {
    "softmax": Objectives(softmax=SoftmaxConfig()),
    "triplet": Objectives(triplet=TripletConfig()),
    "kaiser": Objectives(kaiser=KaiserConfig(memory_size=9, margin=1.0)),
}


def learner(of_drawings: bool = False, device: str = "cpu", turns: int = 1, **options: Any) -> EmbedderLearner:
    """Of states, or of drawings, that a filled memory holds."""
    torch.manual_seed(0)
    if of_drawings:
        arguments = {"embedding_size": 3, "channels": 2, "turns": turns}
        network: Any = DrawingEmbedderConfig(arguments=arguments).build()
        options = {"examples": StoredDrawings(20), "trigger": AfterBlock(), **options}
    else:
        network = StateEmbedderConfig(embedding_size=3, hidden_layer=7).build(SIZE)
        options = {"examples": StoredStates(20), **options}
    built = EmbedderLearner(Learner(**options), network.to(device), 3, LABELS).to(device)
    store = drawn(device) if of_drawings else states(device)
    contents = deepcopy(store.state_dict())
    built.learn_from(store, SIZE)  # empties it
    store.load_state_dict(contents)
    return built


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("examples", [StoredStates(20), StoredDrawings(20), StoredDrawings(20, augmentation=STROKES)])
def test_a_lesson_is_the_objective_of_examples(examples: Any, objective: str, device: str) -> None:
    of_drawings = isinstance(examples, StoredDrawings)
    options = {"objectives": OBJECTIVES[objective], "examples": examples}
    one, twin = (learner(of_drawings, device, **options) for _ in range(2))
    images = table().to(device) if of_drawings else None
    for seed in range(2):  # Kaiser's memory has nothing to compare the first with
        lesson = one.lesson(images, seeded(seed))
        inputs, labels = examples.draw(twin.store, images, seeded(seed))
        embedding = twin.network.train().embed(inputs)
        torch.testing.assert_close(lesson.loss, twin.objectives(embedding, labels))
        assert not one.network.training
        assert lesson.accuracy.isnan() == (objective != "softmax")
        assert (
            torch.equal(lesson.metrics, torch.stack([lesson.loss.detach(), lesson.accuracy])) or objective != "softmax"
        )
    if twin.classifier is not None:
        cosines = nn.functional.cosine_similarity(embedding.unsqueeze(1), twin.classifier.weight, dim=2)
        assert lesson.accuracy.item() == pytest.approx((cosines.argmax(dim=1) == labels).float().mean().item())
    for name, value in one.network.state_dict().items():
        torch.testing.assert_close(value, twin.network.state_dict()[name])
    lesson.loss.backward()
    reached = one.learned()
    own = [*one.network.parameters(), *one.objectives.parameters()]
    assert [id(parameter) for parameter in reached] == [id(parameter) for parameter in own]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in reached)
    assert not any(buffer.requires_grad for buffer in one.store.buffers())


def test_a_lesson_sees_drawings_without_their_turns() -> None:
    one, plain = learner(True, turns=4), learner(True)
    projection = torch.nn.init.orthogonal_(one.network.get_buffer("projection")).clone()
    optimizer = torch.optim.SGD(one.learned(), lr=0.1)
    loss = one.lesson(table(), seeded(0)).loss
    torch.testing.assert_close(loss, plain.lesson(table(), seeded(0)).loss)
    loss.backward()
    optimizer.step()
    assert torch.equal(one.network.get_buffer("projection"), projection)
    drawings = torch.rand(3, 1, 28, 28)
    assert not torch.allclose(one.network.embed(drawings), plain.network.embed(drawings), atol=1e-3)


@pytest.mark.parametrize("of_drawings", [False, True])
def test_it_learns_to_tell_what_is_stored_apart(of_drawings: bool) -> None:
    one = learner(of_drawings, objectives=OBJECTIVES["softmax"])
    images, optimizer = table() if of_drawings else None, torch.optim.Adam(one.learned(), lr=0.02)
    losses = []
    for seed in range(60):
        lesson = one.lesson(images, seeded(seed))
        optimizer.zero_grad()
        lesson.loss.backward()
        optimizer.step()
        losses.append(lesson.loss.item())
    assert lesson.accuracy == 1
    assert losses[-1] < losses[0] / 2
    one.refresh()
    if of_drawings:
        assert not one.store.keys.any(), "the next block's cues are made anew, not these"
        return
    with torch.no_grad():
        embeddings = one.network.embed(one.store.sources.flatten(0, 1)).view_as(one.store.keys)
    torch.testing.assert_close(one.store.keys, embeddings * one.store.occupied.unsqueeze(-1))
    assert torch.equal(one.store.read(embeddings[:, 3]).label, one.store.labels[:, 3])


def test_without_rekey_the_keys_stay() -> None:
    one = learner(rekey=False)
    one.refresh()
    assert not one.store.keys.any()


def test_a_lesson_is_a_function_of_its_generator() -> None:
    losses = []
    for seed, noise in ((1, 1), (1, 2), (2, 2)):
        one = learner(of_drawings=True, examples=StoredDrawings(20, augmentation=STROKES))
        torch.manual_seed(noise)
        losses.append(one.lesson(table(), seeded(seed)).loss)
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_the_optimiser_is_its_own_with_a_schedule_over_the_blocks() -> None:
    one = learner(
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        learning_rate_schedule=LinearSchedule(1.0, 0.0),
    )
    configured = one.configure(lambda: 4)
    optimizer, scheduler = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    assert {id(part) for part in optimizer.param_groups[0]["params"]} == {id(part) for part in one.learned()}
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.5, 0.375, 0.25, 0.125])


def test_metrics_are_means_over_lessons() -> None:
    lessons = [torch.tensor([1.0, 0.5]), torch.tensor([3.0, 1.0])]
    names = ("train/encoder_loss", "train/encoder_accuracy")
    assert {name: value.item() for name, value in learner().metrics(lessons).items()} == dict(
        zip(names, (2.0, 0.75), strict=True)
    )
    assert set(learner(objectives=OBJECTIVES["triplet"]).metrics(lessons)) == {"train/encoder_loss"}


def test_the_defaults() -> None:
    settings = Learner()
    assert tuple(settings.objectives.configs) == ("softmax",)
    assert isinstance(settings.examples, StoredStates)
    assert isinstance(settings.trigger, AfterEpisode)


def test_triggers() -> None:
    assert [episode for episode in range(8) if AfterEpisode(3).due(episode)] == [2, 5]
    assert not any(AfterBlock(3).due(episode) for episode in range(8))
    assert (AfterEpisode().updates, AfterBlock(3).updates) == (0, 3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: AfterEpisode(0), "learner.trigger.every is 0"),
        (lambda: AfterBlock(0), "learner.trigger.updates is 0"),
        (lambda: Learner(examples=StoredDrawings()), "learner.trigger is AfterEpisode"),
        (
            lambda: Learner(examples=StoredDrawings(8, "episode", STROKES), trigger=AfterBlock()),
            "learner.objectives are softmax: labels 'episode'",
        ),
        (
            lambda: Learner(
                Objectives(SoftmaxConfig(), TripletConfig()), StoredDrawings(8, "episode", STROKES), AfterBlock()
            ),
            "learner.objectives are softmax, triplet: labels 'episode'",
        ),
        (lambda: learner(objectives=Objectives(triplet=TripletConfig(weight=0.0))), "objectives is empty"),
    ],
)
def test_bad_settings_are_named_in_one_line(make: Any, message: str) -> None:
    with pytest.raises(InputError) as error:
        make()
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------------------ in an agent


def update(one: EmbedderLearner, optimizer: torch.optim.Optimizer, images: Any, seed: int) -> float:
    lesson = one.lesson(images, seeded(seed))
    optimizer.zero_grad()
    lesson.loss.backward()
    optimizer.step()
    one.refresh()
    return lesson.loss.item()


def test_an_embedder_of_keys_learns_while_its_agent_plays() -> None:
    task = BarcodeBandit(arms=2, contexts=3, exposures=6, pulls=4, vocabulary=5)
    keys = Keys("hidden", embedder=StateEmbedderConfig(embedding_size=4, hidden_layer=7))
    torch.manual_seed(0)
    agent, _, teacher, _ = build_agent(
        task.sizes, memory=EpisodicMemory, keys=keys, perception=SEES, learner=Learner(examples=StoredStates(60))
    )
    assert teacher is not None
    assert agent.memory is not None
    assert agent.memory.embedder is teacher.network
    before = [parameter.clone() for parameter in agent.network_parameters()]
    optimizer, losses = torch.optim.Adam(teacher.learned(), lr=0.02), []
    for seed in range(4):
        for episode, _ in enumerate(rollout(task, agent.eval(), task.draw_block(8, seed))):
            if teacher.settings.trigger.due(episode):
                losses.append(update(teacher, optimizer, None, episode))
        store = slots_of(agent)
        with torch.no_grad():
            torch.testing.assert_close(store.keys.flatten(0, 1), teacher.network.embed(store.sources.flatten(0, 1)))
    assert sum(losses[-10:]) < sum(losses[:10]) / 2
    assert all(torch.equal(one, other) for one, other in zip(before, agent.network_parameters(), strict=True))


@pytest.mark.parametrize("labels", ["context", "episode"])
def test_an_embedder_of_drawings_learns_between_blocks(labels: str) -> None:
    task = DrawingBandit(arms=2, contexts=3, exposures=3, pulls=2, characters=4, drawings=3)
    hard = Objectives(triplet=TripletConfig(miner="batch_hard"))
    objectives = OBJECTIVES["softmax"] if labels == "context" else hard
    learning = Learner(objectives, StoredDrawings(16, labels, {"stroke": 0.3}), AfterBlock(10))
    perception = Perception(embedder=DrawingEmbedderConfig(arguments={"embedding_size": 3, "channels": 2}))
    torch.manual_seed(0)
    agent, cues, teacher, _ = build_agent(task.sizes, memory=EpisodicMemory, perception=perception, learner=learning)
    assert teacher is not None
    assert agent.memory is not None
    store = slots_of(agent)
    assert (store.source_size, store.key_size) == (1, 3)
    drawings = DrawingTable(table(), torch.arange(4).repeat_interleave(3))
    optimizer, losses = torch.optim.Adam(teacher.learned(), lr=0.02), list[float]()
    for seed in range(3):
        block = task.draw_block(4, seed)
        spec = task.with_cues(block, cues(block, drawings, "train"))
        list(rollout(task, agent, spec))
        assert torch.equal(store.keys.transpose(0, 1), spec.cues)
        losses += [update(teacher, optimizer, drawings.images, 10 * seed + n) for n in range(learning.trigger.updates)]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    moved = cues(task.draw_block(4, 2), drawings, "train")
    assert not torch.allclose(moved, spec.cues, atol=1e-3), "the next block sees by what was learned"
