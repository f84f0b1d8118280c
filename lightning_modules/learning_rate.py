"""The attribute by which Lightning's LearningRateFinder reads and sets a learning rate."""

from episodic.objectives.optimisation import ConfiguredOptimizer


class LearningRate:
    """A part of a LightningModule whose optimiser is a `ConfiguredOptimizer`."""

    optimisation: ConfiguredOptimizer

    @property
    def lr(self) -> float:
        """The learning rate that the schedule starts from."""
        return self.optimisation.learning_rate

    @lr.setter
    def lr(self, rate: float) -> None:
        self.optimisation.learning_rate = rate
