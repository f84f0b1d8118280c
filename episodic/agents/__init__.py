"""Agents: a recurrent core with actor-critic heads, a keyed memory, and what an agent perceives and learns.

`build_agent` builds one from its settings, `rollout` has it play a block. `Keys`, `Perception`, `Learner` and `WarmStart`
are the settings of its parts.
"""

from episodic.agents.agent import Agent, CueProjection
from episodic.agents.drawing_cues import DrawingCues, DrawingTable
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.agents.examples import Examples, StoredDrawings, StoredStates
from episodic.agents.harvest import harvest_block
from episodic.agents.keyed_memory import KeyedMemory, MemoryFactory
from episodic.agents.keys import Keys
from episodic.agents.learner import EmbedderLearner, Learner, Lesson
from episodic.agents.parts import AgentParts, build_agent
from episodic.agents.perception import Perception
from episodic.agents.rollout import rollout
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.trajectory import Reads, Trajectory
from episodic.agents.triggers import AfterBlock, AfterEpisode, Trigger
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
    "harvest_block",
    "rollout",
]
