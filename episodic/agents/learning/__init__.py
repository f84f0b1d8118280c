"""Embedders that learn while their agent plays: settings, examples, and when they learn."""

from episodic.agents.learning.examples import Examples, StoredDrawings, StoredStates
from episodic.agents.learning.learner import EmbedderLearner, Learner, Lesson
from episodic.agents.learning.triggers import AfterBlock, AfterEpisode, Trigger

__all__ = [
    "AfterBlock",
    "AfterEpisode",
    "EmbedderLearner",
    "Examples",
    "Learner",
    "Lesson",
    "StoredDrawings",
    "StoredStates",
    "Trigger",
]
