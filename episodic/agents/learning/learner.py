"""An embedder learns while its agent plays, from what the memory holds."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from episodic.agents.learning.examples import Examples, StoredDrawings, StoredStates
from episodic.agents.learning.triggers import AfterEpisode, Trigger
from episodic.errors import require
from episodic.memory.memory import Memory
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.embedder import Embedder
from episodic.objectives.objectives import Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule
from episodic.objectives.softmax import SoftmaxConfig
from episodic.precision import full_precision


class Learner:
    """How an embedder learns while its agent plays: `StoredStates` for keys, `StoredDrawings` for drawings.

    Ritter et al. 2018 leave this as future work: keys trained by a contrastive loss on the memory's contents (Kaiser et
    al. 2017) while the agent learns. The embedder gets no gradient from reinforcement learning, and the agent none from
    the embedder's loss.

    Args:
        objectives: losses of the embedder; None is the softmax objective.
        examples: examples that it learns from; None takes stored states.
        trigger: when it learns: after episodes or after blocks; None is after every episode.
        optimizer: builds the embedder's own optimiser, with its learning rate.
        learning_rate_schedule: factor of that learning rate over the course of training; None keeps it.
        rekey: whether the stored keys are computed again after an update; otherwise they are kept.

    Raises:
        InputError: examples and objectives do not fit each other.
    """

    def __init__(
        self,
        objectives: Objectives | None = None,
        examples: Examples | None = None,
        trigger: Trigger | None = None,
        optimizer: OptimizerCallable = torch.optim.Adam,
        learning_rate_schedule: Schedule | None = None,
        rekey: bool = True,
    ) -> None:
        self.objectives = objectives or Objectives(softmax=SoftmaxConfig())
        self.examples, self.trigger = examples or StoredStates(), trigger or AfterEpisode()
        self.optimizer, self.learning_rate_schedule, self.rekey = optimizer, learning_rate_schedule, rekey
        of_drawings = isinstance(self.examples, StoredDrawings)
        require(
            not of_drawings or self.trigger.updates > 0,
            "learner.trigger is AfterEpisode: an embedder of drawings stays the same within a block, use AfterBlock",
        )
        require(
            not (isinstance(self.examples, StoredDrawings) and self.examples.labels == "episode")
            or tuple(self.objectives.configs) == ("triplet",),
            f"learner.objectives are {', '.join(self.objectives.configs)}: labels 'episode' work only with triplet",
        )

    def __deepcopy__(self, memo: dict[int, Any]) -> "Learner":
        """Return the settings themselves: a copied agent (averaged weights) shares them."""
        return self

    @property
    def of_drawings(self) -> bool:
        """Whether the embedder of drawings learns; otherwise that of keys does."""
        return isinstance(self.examples, StoredDrawings)


class Lesson(NamedTuple):
    """The loss of one update."""

    loss: Tensor  # [] with a gradient to embedder and objectives, and to nothing else
    accuracy: Tensor  # [] share of the examples that the classifier names right; NaN without a classifier

    @property
    def metrics(self) -> Tensor:
        """Loss and accuracy `[2]`, without the gradient."""
        return torch.stack([self.loss.detach(), self.accuracy])


class EmbedderLearner(nn.Module):
    """Trains an embedder while its agent plays: objectives, their optimiser, and the network that learns.

    Only the objectives are saved with it: the network belongs to the agent.

    Args:
        settings: how the network learns.
        network: has `embed`, and stays in evaluation mode but for its lessons.
        embedding_size: length of an embedding.
        classes: number of labels.

    Raises:
        InputError: a setting of an objective out of its range.
    """

    def __init__(self, settings: Learner, network: Embedder, embedding_size: int, classes: int) -> None:
        super().__init__()
        self.settings = settings
        self._network = [network]  # in lists: both belong to the agent, and are saved with it
        self._store: list[Memory] = []
        self.objectives = settings.objectives.build(embedding_size, classes)
        self.optimisation = ConfiguredOptimizer(settings.optimizer, settings.learning_rate_schedule)

    @property
    def network(self) -> Embedder:
        """The network that learns."""
        return self._network[0]

    @property
    def store(self) -> Memory:
        """The agent's store, whose contents are the examples."""
        return self._store[0]

    @property
    def classifier(self) -> CosineClassifier | None:
        """The classifier of the softmax objective, or None."""
        softmax = self.objectives.softmax
        return softmax.classifier if softmax is not None else None

    def learn_from(self, store: Memory, source_size: int) -> None:
        """Have a store keep what its keys are made of, and learn from it."""
        store.keep_sources(1 if self.settings.of_drawings else source_size)  # 1: a drawing's row in its table
        self._store = [store]

    def configure(self, blocks: Callable[[], float]) -> dict[str, Any]:
        """The optimiser, as `configure_optimizers` returns it; `blocks()` is their number in the whole training."""
        return self.optimisation.configure(self.learned(), blocks, "step")

    def learned(self) -> list[nn.Parameter]:
        """The parameters that a lesson has a gradient to."""
        return [p for p in [*self.network.parameters(), *self.objectives.parameters()] if p.requires_grad]

    def lesson(self, images: Tensor | None, generator: torch.Generator) -> Lesson:
        """Compute the loss of examples that the generator, on the CPU, draws.

        `images` `[N, S, S]` uint8 are the drawings whose rows the memory's sources are, if it keeps any.
        """
        inputs, labels = self.settings.examples.draw(self.store, images, generator)
        self.network.train()  # statistics of these very inputs; searching goes by the running ones
        embedding: Tensor = self.network.objective_input(inputs)
        self.network.eval()
        loss: Tensor = self.objectives(embedding, labels)
        softmax = self.objectives.softmax
        if softmax is None:
            return Lesson(loss, loss.new_full((), float("nan")))
        with torch.no_grad():
            return Lesson(loss, (softmax.cosines(embedding).argmax(dim=1) == labels).float().mean())

    def refresh(self) -> None:
        """Recompute the stored keys with the embedder's present weights."""
        if self.settings.rekey and not self.settings.of_drawings:
            with full_precision(self.store.keys.device):  # queries are made in full precision, too
                self.store.rekey(self.network.embed)

    def metrics(self, lessons: Sequence[Tensor]) -> dict[str, Tensor]:
        """Mean loss and, with a classifier, mean accuracy of some lessons, by the names that they log."""
        loss, accuracy = torch.stack(list(lessons)).mean(dim=0)
        metrics = {"train/encoder_loss": loss}
        if self.objectives.softmax is not None:
            metrics["train/encoder_accuracy"] = accuracy
        return metrics
