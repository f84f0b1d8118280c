"""Every option of a memory can be set from YAML and from the command line, by the class's path."""

from collections.abc import Callable
from typing import Any

import pytest
from jsonargparse import ArgumentParser

from episodic.memory import EpisodicMemory, FuzzyMemory, Memory, StackMemory

MemoryFactory = Callable[[int, int, int], Memory]
PATH = "--memory=episodic.memory."


class Model:
    """Builds its memory as an agent does."""

    def __init__(self, memory: MemoryFactory) -> None:
        self.memory = memory(20, 4, 3)


def build(*arguments: str) -> Any:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Model, nested_key="model")
    options = parser.parse_args([argument.replace("--", "--model.", 1) for argument in arguments])
    return parser.instantiate_classes(options).model.memory


def test_the_options_of_the_append_memory() -> None:
    memory = build(PATH + "EpisodicMemory", "--memory.threshold=0.9", "--memory.slack=0.1", "--memory.kernel=cosine")
    assert isinstance(memory, EpisodicMemory)
    assert (memory.capacity, memory.key_size, memory.value_size) == (20, 4, 3)
    assert (memory.threshold, memory.slack, memory.kernel) == (0.9, 0.1, "cosine")
    mixing = ["--memory.neighbours=5", "--memory.weighting=inverse_distance", "--memory.temperature=0.1"]
    memory = build(PATH + "EpisodicMemory", *mixing, "--memory.learned_query=true")
    assert (memory.neighbours, memory.weighting, memory.temperature) == (5, "inverse_distance", 0.1)
    assert memory.query_projection is not None


def test_the_options_of_the_stack_memory() -> None:
    rules = ["--memory.update=ema", "--memory.key_update=mean", "--memory.update_rate=0.2", "--memory.match_above=0.8"]
    memory = build(PATH + "StackMemory", *rules, "--memory.threshold=0.9", "--memory.slack=0.1")
    assert isinstance(memory, StackMemory)
    assert (memory.stacks.rules.key_rule, memory.stacks.rules.value_rule) == ("mean", "ema")
    assert (memory.stacks.rules.update_rate, memory.match_above) == (0.2, 0.8)
    assert (memory.threshold, memory.slack) == (0.9, 0.1)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--memory.neighbours=5"],
        ["--memory.neighbours.count=5"],
        ["--memory.neighbours.count=5", "--memory.neighbours.temperature=0.1"],
        ["--memory.neighbours={count: 5, temperature: 0.1, weighting: inverse_distance, learned_query: true}"],
    ],
)
def test_the_neighbours_of_the_stack_memory(arguments: list[str]) -> None:
    memory = build(PATH + "StackMemory", *arguments)
    assert memory.neighbours == 5
    assert memory.temperature == (0.1 if "temperature" in "".join(arguments) else 1.0)
    assert (memory.query_projection is not None) == ("learned_query" in "".join(arguments))


def test_the_options_of_the_fuzzy_memory() -> None:
    options = ["--memory.clusters=5", "--memory.fuzziness=1.2", "--memory.kernel=l2", "--memory.tolerance=0.01"]
    memory = build(PATH + "FuzzyMemory", *options, "--memory.max_iterations=7", "--memory.threshold=-2")
    assert isinstance(memory, FuzzyMemory)
    assert (memory.clusters, memory.fuzziness, memory.kernel, memory.tolerance) == (5, 1.2, "l2", 0.01)
    assert (memory.max_iterations, memory.threshold, memory.stacks) == (7, -2, None)
    memory = build(PATH + "FuzzyMemory", "--memory.stacks.update=mean", "--memory.stacks.match_above=0.5")
    assert memory.stacks.rules.key_rule == "mean"
    assert not memory.by_label
    assert build(PATH + "FuzzyMemory", "--memory.stacks={}").by_label


def test_options_that_two_classes_share_survive_a_change_of_class() -> None:
    shared = ["--memory.threshold=0.5", "--memory.slack=0.1", "--memory.kernel=cosine"]
    memory = build(PATH + "EpisodicMemory", *shared, PATH + "StackMemory", "--memory.key_update=mean")
    assert isinstance(memory, StackMemory)
    assert (memory.threshold, memory.slack, memory.stacks.rules.key_rule) == (0.5, 0.1, "mean")
