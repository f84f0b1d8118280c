"""The settings of a keyed memory, and the sizes that follow from them."""

from typing import Any

import pytest

from episodic.agents.keys import SOURCES, Keys
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from tests.episodic.agents.agents import HIDDEN, SEES, TASK, build, memory_of, slots_of
from tests.episodic.agents.trail import STEPS, Trail


def test_the_steps_that_are_stored() -> None:
    steps = {stored: list(Keys("hidden", stored=stored).stored_steps(8)) for stored in ("first", "last", "all")}
    assert steps == {"first": [0], "last": [7], "all": list(range(8))}
    assert list(Keys("hidden", stored="after_first_quarter").stored_steps(8)) == list(range(2, 8))


@pytest.mark.parametrize("source", SOURCES)
def test_sizes_follow_from_task_and_source(source: str) -> None:
    store = slots_of(build(memory=EpisodicMemory, keys=Keys(source), perception=SEES))
    key_size = {"context": 5, "input": 3 + 1 + 5, "hidden": HIDDEN, "label": 4}[source]
    assert (store.capacity, store.key_size, store.value_size) == (TASK.episodes, key_size, HIDDEN)


@pytest.mark.parametrize(
    ("task", "keys", "capacity"),
    [
        (TASK, Keys("input", stored="all"), TASK.episodes * 4),
        (TASK, Keys(capacity=7), 7),
        (Trail(width=2), Keys(), 4 * 2),
        (Trail(width=2, writes=(True,) * STEPS), Keys(), 4 * 2 * STEPS),
        (Trail(writes=(True,) * STEPS), Keys("hidden", embedder=StateEmbedderConfig(embedding_size=3)), 4 * STEPS),
    ],
)
def test_there_is_a_slot_for_each_key_of_a_block(task: Any, keys: Keys, capacity: int) -> None:
    store = memory_of(build(task, memory=EpisodicMemory, keys=keys, perception=SEES)).store
    assert store.capacity == capacity
    assert store.key_size == (task.cue_size if not keys.changing else 3 if keys.embedder else 9)


@pytest.mark.parametrize(
    ("keys", "steps", "each"),
    [
        (Keys(), 4, False),
        (Keys("hidden"), 4, True),
        (Keys("hidden"), 1, False),
        (Keys("hidden", stored="first", read_at="first"), 4, False),
        (Keys(embedder=StateEmbedderConfig()), 4, True),
    ],
)
def test_whether_each_step_searches_by_itself(keys: Keys, steps: int, each: bool) -> None:
    assert memory_of(build(memory=EpisodicMemory, keys=keys, perception=SEES)).searches_each_step(steps) == each


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "cue"}, "keys.source is 'cue'"),
        ({"source": "hidden", "state": "both"}, "keys.state is 'both'"),
        ({"source": "hidden", "stored": "best"}, "keys.stored is 'best'"),
        ({"source": "hidden", "value": "mean"}, "keys.value is 'mean'"),
        ({"source": "hidden", "read_at": "last"}, "keys.read_at is 'last'"),
        ({"labels": "true"}, "keys.labels is 'true'"),
        ({"stored": "all"}, "keys.stored is 'all': with source 'context'"),
        ({"source": "hidden", "read_at": "first"}, "keys.stored is 'last': with read_at 'first'"),
        (
            {"source": "label", "embedder": StateEmbedderConfig()},
            "keys.embedder is given: source 'label' has no embedder",
        ),
        ({"capacity": 0}, "keys.capacity is 0"),
    ],
)
def test_bad_settings_are_named_in_one_line(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        Keys(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
