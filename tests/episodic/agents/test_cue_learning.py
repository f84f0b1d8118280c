"""An encoder of drawings that learns while its agent plays: what a lesson is made of, and what it reaches."""

from typing import Any

import pytest
import torch
from episodic.agents.cue_encoder import CueEncoder
from episodic.agents.cue_learning import CueLearner, CueLearning
from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearning
from torch import Tensor, nn

from episodic.drawings.augmentation import augment
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.sampling import draw_stored
from episodic.memory.stack_memory import StackMemory
from episodic.networks.omniglot_embedder import OmniglotEmbedder
from episodic.objectives.objectives import OBJECTIVES
from episodic.objectives.schedules import LinearSchedule
from lightning_modules.episodic_agent import EpisodicAgent
from tests.episodic.memory.memory_oracle import DEVICES

BATCH, SLOTS, CHARACTERS, DRAWINGS = 4, 8, 4, 3
STROKES = {"degrees": 20.0, "stroke": 1.0}


def table() -> Tensor:
    """Drawings of each character about a picture of its own, `[CHARACTERS * DRAWINGS, 28, 28]` uint8."""
    generator = torch.Generator().manual_seed(1)
    pictures = torch.randint(200, (CHARACTERS, 1, 28, 28), generator=generator)
    noise = torch.randint(56, (CHARACTERS, DRAWINGS, 28, 28), generator=generator)
    return (pictures + noise).flatten(0, 1).to(torch.uint8)


def filled(device: str = "cpu", label: int | None = None) -> EpisodicMemory:
    """A memory of drawings' rows with their characters, or one and the same label."""
    generator = torch.Generator().manual_seed(0)
    memory = EpisodicMemory(SLOTS, 3, 2).to(device)
    memory.keep_sources(1)
    memory.reset(BATCH)
    for _ in range(SLOTS - 1):  # a slot is left free
        row = torch.randint(CHARACTERS * DRAWINGS, (BATCH,), generator=generator)
        labels = row // DRAWINGS if label is None else torch.full_like(row, label)
        key, value = torch.zeros(BATCH, 3), torch.zeros(BATCH, 2)
        memory.write(*(part.to(device) for part in (key, value, labels)), source=row.float().unsqueeze(1).to(device))
    return memory


def learner(device: str = "cpu", **options: Any) -> tuple[CueLearner, OmniglotEmbedder]:
    torch.manual_seed(0)
    network = OmniglotEmbedder(embedding_size=3, channels=2).to(device).eval()
    settings = CueLearning(kaiser={"memory_size": 9}, **options)
    return CueLearner(settings, 3, CHARACTERS).to(device), network


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("augmentation", [None, STROKES], ids=["as they are", "deformed"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_lesson_is_the_objective_of_stored_drawings(objective: str, augmentation: Any, device: str) -> None:
    options: dict[str, Any] = {"objectives": {objective: 1.0}, "examples": 20, "augmentation": augmentation}
    cue, network = learner(device, **options)
    twin, other = learner(device, **options)
    memory, images = filled(device), table().to(device)
    for seed in range(2):  # Kaiser's memory has nothing to compare the first with
        lesson = cue.lesson(network, memory, images, seeded(seed))
        generator = seeded(seed)
        sources, labels = draw_stored(memory, 20, generator)
        drawings = torch.stack([images[int(row)] for row in sources]).unsqueeze(1) / 255
        embedding = other.train().embed(augment(drawings, generator, **(augmentation or {})))
        torch.testing.assert_close(lesson.loss, twin.objectives(embedding, labels))
        assert not network.training
        assert lesson.accuracy.isnan() == (objective != "softmax")
    for name, value in network.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name])
    lesson.loss.backward()
    reached = cue.learned(network)
    assert {id(parameter) for parameter in reached} == {
        id(parameter) for module in (network, cue) for parameter in module.parameters()
    }
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in reached)
    assert not any(buffer.requires_grad for buffer in memory.buffers())


def test_accuracy_is_the_share_that_the_classifier_tells() -> None:
    cue, network = learner(objectives={"softmax": 1.0}, examples=30)
    twin = learner()[1].train()
    lesson = cue.lesson(network, filled(), table(), seeded())
    drawings, labels = cue.examples(filled(), table(), seeded())
    assert cue.objectives.softmax is not None
    weight = cue.objectives.softmax.classifier.weight
    cosines = nn.functional.cosine_similarity(twin.embed(drawings).unsqueeze(1), weight, dim=2)
    assert lesson.accuracy.item() == pytest.approx((cosines.argmax(dim=1) == labels).float().mean().item())


def test_it_learns_to_tell_the_characters_apart() -> None:
    cue, network = learner(objectives={"softmax": 1.0}, examples=32)
    memory, images, optimizer = filled(), table(), torch.optim.Adam([*network.parameters(), *cue.parameters()], lr=0.02)
    for seed in range(30):
        lesson = cue.lesson(network, memory, images, seeded(seed))
        optimizer.zero_grad()
        lesson.loss.backward()
        optimizer.step()
    assert lesson.accuracy == 1


def test_examples_are_drawings_that_are_stored_with_their_labels() -> None:
    cue, _ = learner(examples=50)
    images = table()
    memory = filled()
    drawings, labels = cue.examples(memory, images, seeded())
    assert drawings.shape == (50, 1, 28, 28)
    rows = [int((drawing == images / 255).flatten(1).all(dim=1).nonzero()) for drawing in drawings]
    assert [row // DRAWINGS for row in rows] == labels.tolist()
    stored = set(memory.sources[memory.occupied].flatten().long().tolist())
    assert set(rows) <= stored
    assert len(set(rows)) > len(stored) / 2


def episodes(**options: Any) -> CueLearner:
    return learner(objectives={"triplet": 1.0}, labels="episode", augmentation={"stroke": 0.3}, **options)[0]


def test_an_episode_is_a_drawing_at_two_glances() -> None:
    cue, images = episodes(examples=24), table()
    drawings, labels = cue.examples(filled(), images, seeded())
    assert drawings.shape == (24, 1, 28, 28)
    assert labels.tolist() == [*range(12), *range(12)]
    sources, _ = draw_stored(filled(), 12, seeded())
    expected = sources.flatten().long().tolist()
    for half in (drawings[:12], drawings[12:]):
        distances = (half.flatten(1).unsqueeze(1) - images.flatten(1) / 255).square().sum(dim=2)
        assert distances.argmin(dim=1).tolist() == expected
    assert all(not torch.equal(one, other) for one, other in zip(drawings[:12], drawings[12:], strict=True))


def test_of_an_odd_number_one_is_left_out() -> None:
    assert len(episodes(examples=5).examples(filled(), table(), seeded())[1]) == 4


def test_episodes_take_no_label() -> None:
    found = []
    for label in (None, 0):
        cue, network = learner(objectives={"triplet": 1.0}, labels="episode", augmentation=STROKES, examples=24)
        found.append(cue.lesson(network, filled(label=label), table(), seeded()).loss)
    assert torch.equal(*found)
    assert found[0] > 0


def test_a_lesson_is_a_function_of_its_generator() -> None:
    losses = []
    for seed, noise in ((1, 1), (1, 2), (2, 2)):
        cue, network = learner(augmentation=STROKES, objectives={"softmax": 1.0})
        torch.manual_seed(noise)
        losses.append(cue.lesson(network, filled(), table(), seeded(seed)).loss)
    assert torch.equal(losses[0], losses[1])
    assert not torch.equal(losses[0], losses[2])


def test_the_optimiser_is_the_encoders_own_with_a_schedule_over_the_blocks() -> None:
    cue, network = learner(
        objectives={"softmax": 1.0},
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.5),
        learning_rate_schedule=LinearSchedule(1.0, 0.0),
    )
    found = cue.configure(network, lambda: 4)
    optimizer, scheduler = found["optimizer"], found["lr_scheduler"]["scheduler"]
    assert {id(one) for one in optimizer.param_groups[0]["params"]} == {id(one) for one in cue.learned(network)}
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.5, 0.375, 0.25, 0.125])


def test_kaiser_alone_is_the_default() -> None:
    assert CueLearning().weights == {"kaiser": 1.0}
    assert isinstance(CueLearning().optimizer([nn.Parameter(torch.zeros(1))]), torch.optim.AdamW)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"updates": 0}, "updates is 0: it has to be greater than 0"),
        ({"examples": 0}, "examples is 0: it has to be greater than 0"),
        ({"labels": "drawing"}, "cue_learning.labels is 'drawing': it has to be one of context, episode"),
        ({"augmentation": {"stroke": 2.0}}, "stroke is 2.0: it has to lie between 0 and 1"),
        (
            {"labels": "episode", "augmentation": STROKES},
            "cue_learning.objectives are kaiser: labels 'episode' take triplet alone",
        ),
        (
            {"labels": "episode", "augmentation": STROKES, "objectives": {"triplet": 1.0, "softmax": 1.0}},
            "cue_learning.objectives are triplet, softmax: labels 'episode' take triplet alone",
        ),
        (
            {"labels": "episode", "objectives": {"triplet": 1.0}},
            "cue_learning.augmentation is null: labels 'episode' need drawings that look different at each glance",
        ),
        (
            {"labels": "episode", "objectives": {"triplet": 1.0}, "augmentation": {"degrees": 0.0}},
            "cue_learning.augmentation is null: labels 'episode' need drawings that look different at each glance",
        ),
        (
            {"labels": "episode", "objectives": {"triplet": 1.0}, "augmentation": STROKES, "examples": 1},
            "cue_learning.examples is 1: labels 'episode' take two of each drawing",
        ),
        ({"objectives": {"nosuch": 1.0}}, "objectives is 'nosuch'"),
    ],
    ids=str,
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        CueLearner(CueLearning(**options), 3, CHARACTERS)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------------------ in an agent

SIZES = {"actions": 2, "cue_size": 784, "label_count": 4, "pulls": 4, "episodes": 6}


def agent(**options: Any) -> EpisodicAgent:
    encoder = CueEncoder(arguments={"embedding_size": 3, "channels": 2})
    basic: dict[str, Any] = {"memory": EpisodicMemory, "cue_encoder": encoder, "cue_learning": CueLearning()}
    return EpisodicAgent(**{**SIZES, **basic, **options})


def stacks(slots: int, key_size: int, value_size: int) -> StackMemory:
    return StackMemory(slots, key_size, value_size)


def test_the_memory_keeps_rows_and_is_keyed_by_embeddings() -> None:
    built = agent()
    assert built.memory is not None
    assert (built.memory.source_size, built.memory.key_size) == (1, 3)
    frozen = agent(cue_learning=None).memory
    assert frozen is not None
    assert frozen.source_size == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"memory": None}, "memory is null: cue_learning learns from what it holds"),
        (
            {"memory": stacks},
            "memory is a StackMemory with stacks: cue_learning needs EpisodicMemory",
        ),
        ({"cue_encoder": None}, "cue_learning is given without cue_encoder"),
        (
            {"key_source": "encoder", "encoder": KeyEncoder(embedding_size=4)},
            "cue_learning is given with key_source 'encoder': the memory then keeps states",
        ),
        (
            {"key_source": "encoder", "encoder": KeyEncoder(embedding_size=4), "online": OnlineLearning()},
            "online and cue_learning are both given: one of them has to be null",
        ),
        ({"cue_projection": 2}, "cue_projection is 2: without cue_input it has to be null"),
        ({"cue_learning": CueLearning({"triplet": 0.0})}, "objectives"),
    ],
)
def test_parts_that_do_not_go_together_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        agent(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
