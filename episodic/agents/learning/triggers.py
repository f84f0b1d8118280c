"""When an embedder learns while its agent plays."""

from episodic.errors import require_positive


class AfterEpisode:
    """Learn after an episode of a block.

    Args:
        every: episodes between two updates.

    >>> [AfterEpisode(every=2).due(episode) for episode in range(4)]
    [False, True, False, True]
    """

    def __init__(self, every: int = 1) -> None:
        require_positive(**{"learner.trigger.every": every})
        self.every, self.updates = every, 0

    def due(self, episode: int) -> bool:
        """Whether there is an update after this episode, from 0."""
        return (episode + 1) % self.every == 0

    def lessons(self, episodes: int) -> int:
        """Number of updates in a block of so many episodes."""
        return episodes // self.every


class AfterBlock:
    """Learn after a block; the embedder does not change within it.

    Args:
        updates: number of updates after a block.
    """

    def __init__(self, updates: int = 10) -> None:
        require_positive(**{"learner.trigger.updates": updates})
        self.updates = updates

    def due(self, episode: int) -> bool:
        """Never after an episode."""
        return False

    def lessons(self, episodes: int) -> int:
        """Number of updates in a block of so many episodes."""
        return self.updates


Trigger = AfterEpisode | AfterBlock
