"""Builds the parts of an agent that learns, in one fixed order of random draws."""

from typing import NamedTuple

import torch

from episodic.agents.agent import Agent, CueProjection
from episodic.agents.checks import require_slots, require_together
from episodic.agents.drawing_cues import DrawingCues
from episodic.agents.keyed_memory import KeyedMemory, Labeller, MemoryFactory, build_store
from episodic.agents.keys import Keys
from episodic.agents.learning.learner import EmbedderLearner, Learner
from episodic.agents.perception import Perception
from episodic.memory.memory import Memory
from episodic.networks.core import CoreFactory
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.episodic_lstm import EpisodicLSTM
from episodic.networks.heads import ActorCriticHeads
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.tasks.task import TaskSizes


class AgentParts(NamedTuple):
    """An agent, with what makes its cues and what trains its embedder."""

    agent: Agent
    cues: DrawingCues
    learner: EmbedderLearner | None
    classifier: CosineClassifier | None  # of the embedder of keys, used and not trained


def build_agent(
    sizes: TaskSizes,
    core: CoreFactory = EpisodicLSTM,
    memory: MemoryFactory | None = None,
    keys: Keys | None = None,
    perception: Perception | None = None,
    learner: Learner | None = None,
) -> AgentParts:
    """Build an agent from its settings.

    Weights are drawn in the order: embedder of drawings, embedder of keys, learner, projection, core, heads, memory.

    Args:
        sizes: of the task.
        core: builds the core from its input size and whether it reinstates.
        memory: builds the memory from (capacity, key size, value size); None plays without a memory.
        keys: what the memory is searched by; None is the cue.
        perception: what the agent perceives of a context; None shows the core no cue.
        learner: how an embedder learns while the agent plays; None keeps it unchanged.

    Raises:
        InputError: a number out of its range, parts that do not go together.

    >>> from episodic.memory import EpisodicMemory
    >>> from episodic.tasks import BarcodeBandit
    >>> build_agent(BarcodeBandit().sizes, memory=EpisodicMemory).agent.memory.store.capacity
    100
    """
    keys, perception = keys or Keys(), perception or Perception()
    require_together(sizes, memory, keys, perception, learner)
    cues = DrawingCues(perception.embedder, sizes.cue_size)
    sizes = sizes._replace(cue_size=cues.cue_size)
    with torch.device("meta"):  # no weights, no random draws
        hidden_size = core(1, False).hidden_size
    embedder = keys.embedder.build(keys.source_size(sizes, hidden_size)) if keys.embedder is not None else None
    teacher, classifier = _build_learner(learner, keys, cues, embedder, sizes)
    projection = None
    if perception.cue_projection is not None:
        projection = CueProjection(sizes.cue_size, perception.cue_projection)
    seen = 0 if not perception.cue_input else perception.cue_projection or sizes.cue_size
    network = core(sizes.seen_size + seen, memory is not None)
    heads = ActorCriticHeads(hidden_size, sizes.actions)
    remembered, trained = None, None
    if memory is not None:
        key_size = keys.source_size(sizes, hidden_size) if embedder is None else embedder.embedding_size
        store = build_store(memory, keys, sizes, key_size, hidden_size)
        require_slots(store, learner)
        if teacher is not None and isinstance(store, Memory):
            teacher.learn_from(store, keys.source_size(sizes, hidden_size))
        if teacher is not None and not teacher.settings.of_drawings:
            trained = teacher.classifier
        remembered = KeyedMemory(store, keys, sizes, embedder, _labeller(classifier or trained))
    agent = Agent(
        sizes,
        network,
        heads,
        remembered,
        projection,
        cue_input=perception.cue_input,
        cue_scale=perception.cue_scale,
        cue_of=perception.cue_of,
    )
    return AgentParts(agent, cues, teacher, classifier)


def _build_learner(
    learner: Learner | None, keys: Keys, cues: DrawingCues, embedder: HiddenStateEmbedder | None, sizes: TaskSizes
) -> tuple[EmbedderLearner | None, CosineClassifier | None]:
    """The learner, and the classifier of keys where one is used and not trained."""
    if embedder is not None:
        embedder.requires_grad_(learner is not None)
    if learner is not None and learner.of_drawings:
        return EmbedderLearner(learner, cues.learn(), cues.cue_size, sizes.label_count), None
    if keys.embedder is None or embedder is None:
        return None, None
    classes = sizes.label_count if keys.embedder.classes is None else keys.embedder.classes
    if learner is not None:
        return EmbedderLearner(learner, embedder, keys.embedder.embedding_size, classes), None
    if keys.labels == "predicted":
        return None, CosineClassifier(classes, keys.embedder.embedding_size).requires_grad_(False)
    return None, None


def _labeller(classifier: CosineClassifier | None) -> Labeller | None:
    """Predicts the labels of keys."""
    return None if classifier is None else lambda key: classifier(key).argmax(dim=1)
