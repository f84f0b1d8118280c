"""Stage 3: the encoder of an agent's hidden states."""

from collections.abc import Callable

import torch
from torch import Tensor

from episodic.checkpoints.copying import copy_embedder
from episodic.errors import InputError, require, require_choice
from episodic.metrics.contexts import EmbeddedStates, context_metrics
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.objectives import Objectives
from episodic.objectives.optimisation import ConfiguredOptimizer, OptimizerCallable
from episodic.objectives.schedules import Schedule
from lightning_modules.encoder import SOFTMAX_ALONE, Batch, Encoder

TRAINED = ("all", "head")


class HiddenStateEncoder(Encoder):
    """Train an embedder of harvested LSTM states on their contexts; later stages use its `embed(state)`.

    The softmax objective has one output for each context. `embed` returns the layer below the outputs, in training and
    from a checkpoint; `forward` returns the logits. Validation and test log the metrics of
    `episodic.metrics.contexts`, and the classifier's accuracy if it knows the contexts of the data.

    Args:
        network: builds the embedder from the length of a state. A recurrent one needs whole episodes
            (`data.episodes`).
        objectives: the losses; None is only softmax.
        fine_tune: checkpoint of another hidden-state encoder, whose network this one starts from; the classifier starts
            from random weights. The file is read when training starts, and not needed afterwards.
        trained: `all`, or `head` to train only the classifier.
        noise: standard deviation of Gaussian noise on the training states, in units of each number's own.
        averaging: decay of a moving average of the weights, which validation, test and later stages use; None keeps no
            average.
        input_size: length H of a state; None takes the data's.
        classes: number of training contexts; None takes the data's.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate by training progress; None keeps the rate constant.

    Raises:
        InputError: a number is out of its range, a name is unknown, or `trained` is `head` without a classifier or a
            network to start from. `setup` raises it if the sizes differ from the data's.
    """

    network: HiddenStateEmbedder
    fine_tuned: Tensor

    def __init__(
        self,
        network: Callable[[int], HiddenStateEmbedder] = HiddenStateEmbedder,
        objectives: Objectives | None = None,
        fine_tune: str | None = None,
        trained: str = "all",
        noise: float = 0.0,
        averaging: float | None = None,
        input_size: int | None = None,
        classes: int | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        if input_size is None:
            raise InputError("input_size is null: without data it must be given")
        require(noise >= 0, f"noise is {noise}: it must be 0 or more")
        objectives = objectives or SOFTMAX_ALONE
        _require_trained(trained, objectives, fine_tune)
        embedder = network(input_size)
        super().__init__(
            embedder,
            objectives.build(embedder.embedding_size, classes),
            ConfiguredOptimizer(optimizer, learning_rate_schedule),
            averaging,
        )
        self.save_hyperparameters()
        self.classes, self.noise, self.fine_tune, self.head_alone = classes, noise, fine_tune, trained == "head"
        # Part of the checkpoint, so that a resumed training keeps what it has learned.
        self.register_buffer("fine_tuned", torch.tensor(False))
        self.network.requires_grad_(not self.head_alone)

    def setup(self, stage: str) -> None:
        """Check that the network's states and, for training, its contexts are the data's."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        own = {"input_size": self.network.input_size}
        if stage == "fit" and self.objectives.softmax is not None:
            own["classes"] = self.classes or 0
        for name, size in own.items():
            require(data.sizes[name] == size, f"model.{name} is {size}: the data's is {data.sizes[name]}")
        require(
            not self.network.recurrent or data.episodes,
            "data.episodes is false: a recurrent network needs whole episodes, so it must be true",
        )

    def on_fit_start(self) -> None:
        """Copy the network to fine-tune, unless this training is resumed and already did so."""
        if self.fine_tune is None or bool(self.fine_tuned):
            return
        copy_embedder(self.network, self.fine_tune)
        if self.average is not None:
            self.average.module.get_submodule("network").load_state_dict(self.network.state_dict())
        self.fine_tuned.fill_(True)

    def on_train_start(self) -> None:
        super().on_train_start()
        self.train()  # Lightning keeps the mode of each part of a module

    def train(self, mode: bool = True) -> "HiddenStateEncoder":
        """Switch to training or evaluation mode; a network that is not trained also keeps its statistics."""
        super().train(mode)
        if self.head_alone:
            self.network.eval()
        return self

    def embed_all(self, x: Tensor) -> Tensor:
        """Return embeddings `[B, T, D]` of every step of episodes `[B, T, H]`, by the same weights as `embed`."""
        embeddings: Tensor = self._part("network").embed_all(x)  # type: ignore[operator]
        return embeddings

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """Add noise to states `[..., H]`."""
        if self.noise == 0:
            return inputs
        drawn = torch.randn(inputs.shape, generator=generator).to(inputs.device)
        variance = self.network.input_norm.running_var
        assert variance is not None
        return inputs + self.noise * variance.sqrt() * drawn

    def learned(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Return embeddings `[N, D]` and labels `[N]` of states `[B, H]`, or of all steps of episodes `[B, T, H]`."""
        if inputs.dim() == 2:
            return self.embed(inputs), labels
        return self.embed_all(inputs).flatten(0, 1), labels.repeat_interleave(inputs.shape[1])

    def evaluate(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return embeddings `[B, T, D]`, and their label, pull, exposure and prediction `[B, T, 4]` long.

        T is 1 for a batch of single states. The prediction is the classifier's, or -1 without a classifier.
        """
        inputs, labels, pulls, exposures = batch
        embeddings = self.embed(inputs).unsqueeze(1) if inputs.dim() == 2 else self.embed_all(inputs)
        length = embeddings.shape[1]
        last = pulls.unsqueeze(1) - length
        steps = last + torch.arange(1, length + 1, device=pulls.device)
        predicted = self._predicted(embeddings)
        facts = [part.unsqueeze(1).expand_as(predicted) for part in (labels, exposures)]
        return embeddings, torch.stack([facts[0], steps, facts[1], predicted], dim=-1)

    def _predicted(self, embeddings: Tensor) -> Tensor:
        """Return the classifier's labels `[B, T]` long, -1 without a classifier."""
        if self.objectives.softmax is None:
            return torch.full(embeddings.shape[:2], -1, device=embeddings.device)
        cosines: Tensor = self._part("classifier")(embeddings.flatten(0, 1))
        return cosines.argmax(dim=1).view(embeddings.shape[:2])

    def collect(self, batch: Batch, split: str) -> None:
        self.collected[split].update(*self.evaluate(batch))  # type: ignore[operator]

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Return embeddings `[N, D]`, with `label`, `pull` and `exposure` `[N]` of each."""
        states = embedded_states(*self.evaluate(batch))
        return {
            "embedding": states.embeddings,
            "label": states.labels,
            "pull": states.pulls,
            "exposure": states.exposures,
        }

    def metrics(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Return the metrics that the class lists, from the results of `evaluate`."""
        return context_metrics(embedded_states(embeddings, labels), self.classifies)

    @property
    def classifies(self) -> bool:
        """Whether the classifier knows the contexts of validation and test."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return self.objectives.softmax is not None and bool(data.labels_are_trained)


def embedded_states(embeddings: Tensor, facts: Tensor) -> EmbeddedStates:
    """Flatten the result of `HiddenStateEncoder.evaluate`, `[B, T, D]` and `[B, T, 4]`, to single states."""
    return EmbeddedStates(embeddings.flatten(0, 1), *facts.flatten(0, 1).unbind(dim=1))


def _require_trained(trained: str, objectives: Objectives, fine_tune: str | None) -> None:
    """Raise `InputError` unless the part that `trained` names can be trained."""
    require_choice("trained", trained, TRAINED)
    if trained == "head":
        require("softmax" in objectives.configs, "trained is 'head': objectives must have softmax, which owns the head")
        require(fine_tune is not None, "trained is 'head': fine_tune must name the encoder to keep")
