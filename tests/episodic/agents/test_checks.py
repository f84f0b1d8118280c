"""Parts of an agent that do not go together end in one line."""

from typing import Any

import pytest
import torch

from episodic.agents.checks import require_learnable, require_sizes
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.agents.keys import Keys
from episodic.agents.learning.examples import StoredDrawings
from episodic.agents.learning.learner import Learner
from episodic.agents.learning.triggers import AfterBlock, AfterEpisode
from episodic.agents.parts import build_agent
from episodic.agents.perception import Perception
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.warm_start import WarmStart
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy.fuzzy_memory import FuzzyMemory
from episodic.memory.stack_memory import StackMemory
from episodic.objectives import KaiserConfig, Objectives, TripletConfig
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.drawing_bandit import DrawingBandit
from tests.episodic.agents.agents import SEES, TASK
from tests.episodic.agents.trail import Trail

EMBEDDER = StateEmbedderConfig(embedding_size=4, hidden_layer=7)
DRAWN = DrawingBandit(arms=2, contexts=3, exposures=2, pulls=4, characters=4, drawings=3)
SMALL = DrawingEmbedderConfig(arguments={"embedding_size": 3, "channels": 2})
FROM_DRAWINGS = Learner(Objectives(kaiser=KaiserConfig(memory_size=9)), StoredDrawings(), AfterBlock())
TRIPLET = Learner(Objectives(triplet=TripletConfig()))
LEARNER = {"memory": EpisodicMemory, "perception": SEES, "learner": Learner()}
SHOWN = {"memory": EpisodicMemory, "perception": Perception(embedder=SMALL), "learner": FROM_DRAWINGS}


def stacks_by_key(capacity: int, key_size: int, value_size: int) -> StackMemory:
    return StackMemory(capacity, key_size, value_size, match_above=0.9)


def predicted(**options: Any) -> Keys:
    return Keys(**{"source": "hidden", "labels": "predicted", "embedder": EMBEDDER, **options})


def assert_refused(error: pytest.ExceptionInfo[InputError], message: str) -> None:
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"keys": Keys(embedder=EMBEDDER)}, "memory is null, yet keys.embedder is given"),
        ({"memory": EpisodicMemory, "keys": Keys("hidden")}, "keys.source is 'hidden', yet the core does not see"),
        ({"keys": Keys(embedder=StateEmbedderConfig(layers=0)), "memory": EpisodicMemory}, "layers is 0"),
        ({"perception": Perception(True, 0)}, "perception.cue_projection is 0"),
        ({"memory": StackMemory, "perception": SEES, "keys": predicted(embedder=None)}, "keys.labels is 'predicted'"),
        ({"memory": EpisodicMemory, "perception": SEES, "keys": predicted()}, "keys.labels is 'predicted'"),
        ({"memory": FuzzyMemory, "perception": SEES, "keys": predicted()}, "keys.labels is 'predicted'"),
        ({"memory": stacks_by_key, "perception": SEES, "keys": predicted()}, "keys.labels is 'predicted'"),
        (
            {"memory": StackMemory, "perception": SEES, "keys": predicted(), "learner": TRIPLET},
            "keys.labels is 'predicted'",
        ),
        ({**LEARNER, "memory": None}, "memory is null: a learner"),
        (LEARNER, "learner.examples are StoredStates: keys.embedder"),
        (
            {**LEARNER, "keys": Keys("hidden", embedder=StateEmbedderConfig(recurrent=True))},
            "keys.embedder.recurrent is true",
        ),
        ({**SHOWN, "memory": None}, "memory is null: a learner"),
        ({**SHOWN, "perception": None}, "learner.examples are StoredDrawings: perception.embedder"),
        (
            {**SHOWN, "perception": Perception(embedder=DrawingEmbedderConfig(code="class_sign"))},
            "perception.embedder.code is 'class_sign'",
        ),
        ({**SHOWN, "keys": Keys(embedder=EMBEDDER)}, "learner.examples are StoredDrawings: with keys.embedder"),
        ({**SHOWN, "memory": StackMemory}, "memory is a StackMemory: a learner from drawings"),
    ],
)  # fmt: skip
def test_parts_that_do_not_go_together_are_named(options: dict[str, Any], message: str) -> None:
    task = DRAWN if options.get("learner") is FROM_DRAWINGS else TASK
    with pytest.raises(InputError) as error:
        build_agent(task.sizes, **options)
    assert_refused(error, message)


def test_an_agent_that_observes_may_be_keyed_by_its_states() -> None:
    assert build_agent(Trail().sizes, memory=EpisodicMemory, keys=Keys("hidden")).agent.memory is not None


def test_a_projection_needs_the_cue() -> None:
    with pytest.raises(InputError) as error:
        Perception(cue_projection=2)
    assert_refused(error, "perception.cue_projection is 2: without cue_input")


def test_a_frozen_agent_comes_from_a_checkpoint() -> None:
    with pytest.raises(InputError) as error:
        WarmStart(freeze=True)
    assert_refused(error, "warm_start.freeze is true: warm_start.agent")


@pytest.mark.parametrize(
    ("task", "options", "message"),
    [
        ({}, {"vocabulary": None}, "a learner is given, yet labels"),
        ({"trigger": AfterEpisode(every=7)}, {}, "learner.trigger.every is 7"),
        ({"classes": 4}, {}, "keys.embedder.classes is 4"),
        ({"classes": 5}, {}, None),
        ({"classes": 9}, {}, None),
    ],
)
def test_a_learner_needs_a_task_that_it_can_learn_from(task: Any, options: Any, message: str | None) -> None:
    trigger, classes = task.get("trigger"), task.get("classes")
    bandit = BarcodeBandit(**{"arms": 2, "contexts": 3, "exposures": 2, "vocabulary": 5, **options})
    embedder = StateEmbedderConfig(embedding_size=4, classes=classes)
    parts = build_agent(
        bandit.sizes,
        memory=EpisodicMemory,
        perception=SEES,
        keys=Keys("hidden", embedder=embedder),
        learner=Learner(trigger=trigger),
    )
    assert parts.learner is not None
    if message is None:
        require_learnable(bandit, parts.learner)
        return
    with pytest.raises(InputError) as error:
        require_learnable(bandit, parts.learner)
    assert_refused(error, message)


def test_a_learner_from_drawings_needs_no_fixed_labels() -> None:
    parts = build_agent(DRAWN.sizes, **SHOWN)  # type: ignore[arg-type]
    assert parts.learner is not None
    require_learnable(DRAWN, parts.learner)


@pytest.mark.parametrize("name", ["actions", "observation_size", "cue_size", "label_count", "steps"])
def test_sizes_that_are_not_the_tasks_are_named(name: str) -> None:
    sizes = TASK.sizes
    with pytest.raises(InputError) as error:
        require_sizes(sizes._replace(**{name: 99}), TASK)
    assert_refused(error, f"model.sizes.{name} is 99")
    require_sizes(sizes._replace(episodes=99), TASK)


def test_the_same_seed_builds_the_same_agent() -> None:
    weights = []
    for _ in range(2):
        torch.manual_seed(1)
        agent = build_agent(
            TASK.sizes, memory=EpisodicMemory, perception=SEES, keys=Keys("hidden", embedder=EMBEDDER)
        ).agent
        weights.append(torch.cat([part.flatten() for part in agent.state_dict().values()]))
    assert torch.equal(*weights)
