"""Checks that the parts of an agent fit each other."""

from episodic.agents.keyed_memory import MemoryFactory
from episodic.agents.keys import Keys
from episodic.agents.learning.learner import EmbedderLearner, Learner
from episodic.agents.learning.triggers import AfterEpisode
from episodic.agents.perception import Perception
from episodic.errors import InputError, require
from episodic.memory.memory import Memory
from episodic.memory.store import Store
from episodic.tasks.task import Task, TaskSizes


def require_together(
    sizes: TaskSizes, memory: MemoryFactory | None, keys: Keys, perception: Perception, learner: Learner | None
) -> None:
    """Raise `InputError` if settings of an agent exclude each other."""
    require(
        memory is not None or keys.embedder is None,
        "memory is null, yet keys.embedder is given: it makes keys for a memory, set one of them",
    )
    if memory is not None:
        _require_knowing(sizes, keys, perception)
    if learner is not None:
        _require_learner(memory, keys, perception, learner)


def _require_knowing(sizes: TaskSizes, keys: Keys, perception: Perception) -> None:
    """Keys made of the core's states need states that know of the context."""
    require(
        keys.source != "hidden" or perception.cue_input or sizes.observation_size > 0,
        "keys.source is 'hidden', yet the core does not see the cue, so that its states cannot tell contexts apart: "
        "set perception.cue_input to true",
    )


def _require_learner(memory: MemoryFactory | None, keys: Keys, perception: Perception, learner: Learner) -> None:
    require(memory is not None, "memory is null: a learner learns from what the memory holds")
    if learner.of_drawings:
        require(
            perception.embedder is not None,
            "learner.examples are StoredDrawings: perception.embedder, which learns from them, is null",
        )
        require(
            perception.embedder is None or perception.embedder.code == "embedding",
            "perception.embedder.code is 'class_sign': an embedder that learns needs code 'embedding'",
        )
        require(
            keys.embedder is None,
            "learner.examples are StoredDrawings: with keys.embedder the memory keeps states, no drawings; set it to "
            "null",
        )
        return
    require(
        keys.embedder is not None,
        "learner.examples are StoredStates: keys.embedder, which learns from them, is null",
    )
    require(
        keys.embedder is None or not keys.embedder.recurrent,
        "keys.embedder.recurrent is true: a learner learns from single states, set it to false",
    )


def require_slots(store: Store, learner: Learner | None) -> None:
    """A learner needs a memory with slots, and one from drawings a memory that keeps every drawing."""
    if learner is None:
        return
    if not isinstance(store, Memory):
        raise InputError(f"memory is a {type(store).__name__}, which has no slots: a learner needs some to learn from")
    require(
        not learner.of_drawings or store.stacks is None,
        f"memory is a {type(store).__name__}: a learner from drawings needs an EpisodicMemory, which keeps every one",
    )


def require_learnable(task: Task, learner: EmbedderLearner) -> None:
    """Raise `InputError` if an embedder of keys should learn but cannot on this task."""
    settings, classifier = learner.settings, learner.classifier
    if settings.of_drawings:
        return
    require(
        task.fixed_labels,
        "a learner is given, yet labels mean other contexts in other environments: set data.task.vocabulary",
    )
    every = settings.trigger.every if isinstance(settings.trigger, AfterEpisode) else 1
    require(
        every <= task.episodes,
        f"learner.trigger.every is {every}: it must be at most a block's episodes, {task.episodes}",
    )
    classes = task.label_count if classifier is None else len(classifier.weight)
    require(
        classes >= task.label_count,
        f"keys.embedder.classes is {classes}: the learner has {task.label_count} labels to tell apart",
    )


def require_updates(task: Task, episodes: int, learner: EmbedderLearner | None) -> None:
    """Raise `InputError` if a block cannot be divided into updates of so many episodes."""
    require(
        task.episodes % episodes == 0,
        f"loss.episodes is {episodes}: it must divide the episodes of a block, {task.episodes}",
    )
    require(
        learner is None or episodes == 1,
        f"loss.episodes is {episodes}: with a learner, which learns after single episodes, it must be 1",
    )


def require_sizes(own: TaskSizes, task: Task) -> None:
    """Raise `InputError` if an agent was built for another task's sizes; memories may be larger than a block."""
    for name in ("actions", "observation_size", "cue_size", "label_count", "steps"):
        size, wanted = getattr(own, name), getattr(task.sizes, name)
        require(size == wanted, f"model.sizes.{name} is {size}: the data's is {wanted}")
