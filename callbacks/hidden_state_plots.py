"""Plots of an encoder of hidden states: a map, confusions, contexts by pull and exposure, similarities."""

from collections.abc import Iterable

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture
from episodic.errors import require, require_positive
from episodic.metrics.contexts import PAIRS, STATES, EmbeddedStates, find_contexts, shares, some_episodes
from episodic.metrics.similarity_pairs import similarity_pairs
from episodic.plots.choice import some_contexts
from episodic.plots.embeddings.context_plots import plot_context_confusions, plot_recognition, plot_state_map
from episodic.plots.embeddings.embedding_curves import plot_similarities
from lightning_modules.encoder import Batch
from lightning_modules.hidden_state_encoder import HiddenStateEncoder, embedded_states

KINDS = ("same context", "another context")


class HiddenStatePlots(pl.Callback):
    """Plot the embeddings of states: of validation after training, and of test after `test`.

    The plots' names end in the split.

    - `states_map`: t-SNE of the states beside t-SNE of their embeddings;
    - `states_confusions`: which contexts are taken for which, by the classifier if it knows these contexts, otherwise
      by the nearest state of another episode;
    - `states_course`: recognised contexts by pull and by exposure, by embeddings, states and the classifier;
    - `states_similarities`: similarities of states of the same context and of different ones.

    The embeddings on the map also go to the loggers' projector (`states_val`, `states_test`), with their contexts,
    exposures and pulls.

    Args:
        mapped: number of states on the map.
        contexts: number of contexts on the map.

    Raises:
        InputError: a number is not positive; the module is not a `HiddenStateEncoder`.
    """

    def __init__(self, mapped: int = 1000, contexts: int = 20) -> None:
        super().__init__()
        require_positive(mapped=mapped, contexts=contexts)
        self.mapped, self.contexts = mapped, contexts

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Check the kind of module before anything is trained."""
        kind = type(pl_module).__name__
        require(isinstance(pl_module, HiddenStateEncoder), f"HiddenStatePlots needs HiddenStateEncoder, not {kind}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._plot(trainer, pl_module, "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._plot(trainer, pl_module, "test")

    def _plot(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        if not keeps_files(trainer):
            return
        assert isinstance(pl_module, HiddenStateEncoder)
        batches = getattr(trainer.datamodule, f"{split}_dataloader")()  # type: ignore[attr-defined]
        raw, states = embed_states(pl_module, batches)
        rows = some_contexts(states.labels, self.contexts, self.mapped)
        kind = "cue" if trainer.datamodule.state == "cue" else "state"  # type: ignore[attr-defined]
        recognised = {
            "nearest embedding": by_nearest(states),
            f"nearest {kind}": by_nearest(states._replace(embeddings=raw)),
        }
        predicted, by = recognised["nearest embedding"], "the nearest embedding"
        if pl_module.classifies:
            predicted, by = states, "the classifier"
            recognised["classifier"] = states
        plots = {
            "map": plot_state_map(raw[rows], states.embeddings[rows], states.labels[rows], split, f"{kind}s"),
            "confusions": plot_context_confusions(predicted.labels, predicted.predicted, split, by),
            "course": plot_recognition(recognition(recognised), split),
            "similarities": similarities(states, split),
        }
        for name, figure in plots.items():
            log_picture(trainer, figure, f"states_{name}_{split}")
        facts = {"context": states.labels, "exposure": states.exposures, "pull": states.pulls}
        metadata = list(zip(*(column[rows].tolist() for column in facts.values()), strict=True))
        log_embedding(trainer, Embedding(states.embeddings[rows].float(), metadata, list(facts)), f"states_{split}")


def by_nearest(states: EmbeddedStates) -> EmbeddedStates:
    """Return the states whose context has another episode, with the context of the nearest state as prediction."""
    some = some_episodes(states, STATES)
    nearest = find_contexts(some)
    return some.take(nearest.rows)._replace(predicted=nearest.labels)


def recognition(recognised: dict[str, EmbeddedStates]) -> dict[str, dict[str, dict[int, float]]]:
    """Return the share of recognised contexts by number, by name and mean, by pull and by exposure."""
    lines: dict[str, dict[str, dict[int, float]]] = {"pull": {}, "exposure": {}}
    for name, states in recognised.items():
        if len(states.labels):
            right = states.predicted == states.labels
            for kind, numbers in (("pull", states.pulls), ("exposure", states.exposures)):
                by_number = {number: float(share) for number, share in shares(right, numbers).items()}
                lines[kind][f"{name}: {right.double().mean():.3f}"] = by_number
    return lines


def similarities(states: EmbeddedStates, split: str) -> Figure:
    """Plot similarities of embeddings of different episodes, of the same context and of different ones."""
    some, generator = some_episodes(states, STATES), torch.Generator().manual_seed(0)
    pairs = similarity_pairs(some.embeddings, some.labels, some.episodes, generator, PAIRS)
    return plot_similarities(dict(zip(KINDS, pairs, strict=True)), split, "embeddings")


@torch.no_grad()
def embed_states(module: HiddenStateEncoder, batches: Iterable[Batch]) -> tuple[Tensor, EmbeddedStates]:
    """Return states `[N, H]` as they are, and embedded in evaluation mode, on the CPU."""
    was_training = module.training
    module.eval()
    raw, embedded = [], []
    for batch in batches:
        evaluated = module.evaluate(tuple(part.to(module.device) for part in batch))
        embedded.append([part.cpu() for part in embedded_states(*evaluated)])
        raw.append(batch[0].reshape(-1, batch[0].shape[-1]).cpu())
    module.train(was_training)
    parts = [torch.cat(parts) for parts in zip(*embedded, strict=True)]
    return torch.cat(raw), EmbeddedStates(*parts)
