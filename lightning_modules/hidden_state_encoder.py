"""Stage 3: the encoder of an agent's hidden states."""

import torch
from pytorch_lightning.cli import OptimizerCallable
from torch import Tensor

from episodic.checkpoints.encoder_weights import copy_encoder
from episodic.errors import require, require_choice
from episodic.metrics.context_metrics import EmbeddedStates, context_figures
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.objectives import KaiserSettings, SoftmaxSettings, TripletSettings, build_objectives
from episodic.objectives.optimisation import ConfiguredOptimizer
from episodic.objectives.schedules import Schedule
from lightning_modules.encoder import Batch, Encoder

TRAINED = ("all", "head")


class HiddenStateEncoder(Encoder):
    """An encoder of harvested LSTM states, trained on their contexts; `embed(state)` is what later stages use.

    The softmax objective has one output for each context. `embed` gives the layer under the outputs, in training as
    from a checkpoint; `forward` gives the logits. The figures of validation and test are those of
    `episodic.metrics.context_metrics`, and the classifier's accuracy where its contexts are those of the data.

    Args:
        input_size: length H of a state; None takes the data's.
        classes: number of training contexts; None takes the data's.
        embedding_size: length D of the embedding.
        hidden_layer: units of a hidden layer.
        layers: number of hidden layers.
        recurrent: whether the hidden layers are an LSTM over the pulls of an episode, which the data has to give whole
            (`data.episodes`); see `episodic.networks.hidden_state_embedder.HiddenStateEmbedder`.
        objectives: weight by name, of `softmax`, `triplet` and `kaiser`; None is softmax alone.
        softmax: settings of the softmax objective, see `episodic.objectives.objectives.SoftmaxObjective`.
        triplet: settings of the triplet objective, see `episodic.objectives.objectives.TripletObjective`.
        kaiser: settings of the memory triplet objective, see `episodic.objectives.objectives.KaiserObjective`.
        fine_tune: checkpoint of another hidden-state encoder, whose network this one starts from; the classifier
            begins anew. It is read when the training starts, and not needed any more afterwards.
        trained: `all`, or `head`, the classifier alone.
        noise: standard deviation of Gaussian noise on the training states, in units of each number's own.
        averaging: decay of the moving average of the weights that validation, test and later stages use; None goes
            without.
        optimizer: builds the optimiser.
        learning_rate_schedule: factor of the learning rate over the course of training; None keeps it.

    Raises:
        InputError: a number out of its range, an unknown objective or miner; a head to be trained alone that is not
            there, or has no network under it; sizes that are not the data's.
    """

    network: HiddenStateEmbedder
    fine_tuned: Tensor

    def __init__(
        self,
        input_size: int | None = None,
        classes: int | None = None,
        embedding_size: int = 64,
        hidden_layer: int = 256,
        layers: int = 1,
        recurrent: bool = False,
        objectives: dict[str, float] | None = None,
        softmax: SoftmaxSettings | None = None,
        triplet: TripletSettings | None = None,
        kaiser: KaiserSettings | None = None,
        fine_tune: str | None = None,
        trained: str = "all",
        noise: float = 0.0,
        averaging: float | None = None,
        optimizer: OptimizerCallable = torch.optim.AdamW,
        learning_rate_schedule: Schedule | None = None,
    ) -> None:
        require(input_size is not None, "input_size is null: where no data fill it in, it has to be given")
        require(noise >= 0, f"noise is {noise}: it has to be 0 or more")
        weights = {"softmax": 1.0} if objectives is None else objectives
        _require_trained(trained, weights, fine_tune)
        network = HiddenStateEmbedder(int(input_size or 0), embedding_size, hidden_layer, layers, recurrent)
        super().__init__(
            network,
            network.arguments,
            build_objectives(weights, embedding_size, classes, softmax=softmax, triplet=triplet, kaiser=kaiser),
            ConfiguredOptimizer(optimizer, learning_rate_schedule),
            averaging,
        )
        self.save_hyperparameters()
        self.classes, self.noise, self.fine_tune, self.head_alone = classes, noise, fine_tune, trained == "head"
        # In the checkpoint, so that a resume keeps what has been learned since.
        self.register_buffer("fine_tuned", torch.tensor(False))
        self.network.requires_grad_(not self.head_alone)

    def setup(self, stage: str) -> None:
        """Check that the data's states and, for training, its contexts and episodes are the network's."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        wanted = {"input_size": self.network.input_size}
        if stage == "fit" and self.objectives.softmax is not None:
            wanted["classes"] = self.classes or 0
        for name, size in wanted.items():
            require(data.sizes[name] == size, f"model.{name} is {size}: the data's is {data.sizes[name]}")
        require(
            not self.network.recurrent or data.episodes,
            "data.episodes is false: a recurrent encoder needs whole episodes, data.episodes true",
        )

    def on_fit_start(self) -> None:
        """Take over the network that is to be fine-tuned, unless a resumed training has done so before."""
        if self.fine_tune is None or bool(self.fine_tuned):
            return
        copy_encoder(self.network, self.fine_tune)
        if self.average is not None:
            self.average.module.get_submodule("network").load_state_dict(self.network.state_dict())
        self.fine_tuned.fill_(True)

    def on_train_start(self) -> None:
        super().on_train_start()
        self.train()  # Lightning leaves the parts of a module in the mode that they are in

    def train(self, mode: bool = True) -> "HiddenStateEncoder":
        """Switch to training or evaluation; a network that is not trained keeps its statistics too."""
        super().train(mode)
        if self.head_alone:
            self.network.eval()
        return self

    def embed_all(self, x: Tensor) -> Tensor:
        """Embeddings `[B, T, D]` of every pull of episodes `[B, T, H]`, with the weights that `embed` uses."""
        embeddings: Tensor = self._part("network").embed_all(x)  # type: ignore[operator]
        return embeddings

    def augmented(self, inputs: Tensor, generator: torch.Generator) -> Tensor:
        """States `[..., H]` with noise."""
        if self.noise == 0:
            return inputs
        drawn = torch.randn(inputs.shape, generator=generator).to(inputs.device)
        variance = self.network.input_norm.running_var
        assert variance is not None
        return inputs + self.noise * variance.sqrt() * drawn

    def learned(self, inputs: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings `[N, D]` and labels `[N]` of states `[B, H]`, or of all pulls of episodes `[B, T, H]`."""
        if inputs.dim() == 2:
            return self.embed(inputs), labels
        return self.embed_all(inputs).flatten(0, 1), labels.repeat_interleave(inputs.shape[1])

    def evaluate(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Embeddings `[B, T, D]`, and label, pull, exposure and prediction of each `[B, T, 4]` long.

        T is 1 where the batch holds single states. The prediction is the classifier's, -1 where there is none.
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
        """The classifier's labels `[B, T]` long."""
        if self.objectives.softmax is None:
            return torch.full(embeddings.shape[:2], -1, device=embeddings.device)
        cosines: Tensor = self._part("classifier")(embeddings.flatten(0, 1))
        return cosines.argmax(dim=1).view(embeddings.shape[:2])

    def collect(self, batch: Batch, split: str) -> None:
        self.collected[split].update(*self.evaluate(batch))  # type: ignore[operator]

    def predict_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        """Embeddings `[N, D]`, with `label`, `pull` and `exposure` `[N]` of each."""
        states = embedded_states(*self.evaluate(batch))
        return {
            "embedding": states.embeddings,
            "label": states.labels,
            "pull": states.pulls,
            "exposure": states.exposures,
        }

    def figures(self, embeddings: Tensor, labels: Tensor, collection: str) -> dict[str, Tensor]:
        """Everything that the class's docstring names, of what `evaluate` gave."""
        return context_figures(embedded_states(embeddings, labels), self.classifies)

    @property
    def classifies(self) -> bool:
        """Whether the classifier's contexts are those of validation and test."""
        data = self.trainer.datamodule  # type: ignore[attr-defined]
        return self.objectives.softmax is not None and bool(data.labels_are_trained)


def embedded_states(embeddings: Tensor, facts: Tensor) -> EmbeddedStates:
    """What `HiddenStateEncoder.evaluate` gave, state by state."""
    return EmbeddedStates(embeddings.flatten(0, 1), *facts.flatten(0, 1).unbind(dim=1))


def _require_trained(trained: str, objectives: dict[str, float], fine_tune: str | None) -> None:
    """Raise `InputError` unless what is to be trained is there."""
    require_choice("trained", trained, TRAINED)
    if trained == "head":
        require("softmax" in objectives, "trained is 'head': objectives need softmax, whose classifier is the head")
        require(fine_tune is not None, "trained is 'head': fine_tune has to name the encoder that stays as it is")
