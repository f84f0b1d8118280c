"""Agents that remember: their parts, how they play blocks of a task, and embedders that learn while they play.

`build_agent` builds an `Agent` from settings that each have a class:

- `Keys` decide what the memory is keyed by, `StateEmbedderConfig` how an embedder of keys is built;
- `Perception` decides what the core sees of a context, `DrawingEmbedderConfig` how drawings become cues;
- `Learner` decides how one of these embedders learns, from `StoredStates` or `StoredDrawings`, after episodes
  (`AfterEpisode`) or blocks (`AfterBlock`);
- `WarmStart` names the checkpoints that weights come from.

`rollout` plays a block and yields a `Trajectory` for each episode; `Agent.replay` gives the gradient of one, and
`harvest_block` keeps the states of a block. `train_agent` trains an agent in a script.
"""

from episodic.agents.agent import Agent, CueProjection
from episodic.agents.class_code import class_signs
from episodic.agents.drawing_cues import DrawingCues, DrawingTable
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.agents.harvest import harvest_block
from episodic.agents.keyed_memory import KeyedMemory, Labeller, MemoryFactory
from episodic.agents.keys import Keys
from episodic.agents.learning.examples import Examples, StoredDrawings, StoredStates
from episodic.agents.learning.learner import EmbedderLearner, Learner, Lesson
from episodic.agents.learning.triggers import AfterBlock, AfterEpisode, Trigger
from episodic.agents.parts import AgentParts, build_agent
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.training import train_agent
from episodic.agents.trajectory import Reads, Trajectory
from episodic.agents.warm_start import WarmStart

__all__ = [
    "AfterBlock",
    "AfterEpisode",
    "Agent",
    "AgentParts",
    "CueProjection",
    "DrawingCues",
    "DrawingEmbedderConfig",
    "DrawingTable",
    "EmbedderLearner",
    "Examples",
    "KeyedMemory",
    "Keys",
    "Labeller",
    "Learner",
    "Lesson",
    "MemoryFactory",
    "Perception",
    "Reads",
    "StateEmbedderConfig",
    "StoredDrawings",
    "StoredStates",
    "Trajectory",
    "Trigger",
    "WarmStart",
    "build_agent",
    "class_signs",
    "harvest_block",
    "rollout",
    "train_agent",
]
