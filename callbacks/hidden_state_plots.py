"""Pictures of an encoder of hidden states: a map, confusions, contexts by pull and exposure, similarities."""

from collections.abc import Iterable

import pytorch_lightning as pl
import torch
from matplotlib.figure import Figure
from torch import Tensor

from callbacks.figures import keeps_files, save_figure
from episodic.errors import require, require_positive
from episodic.metrics.context_metrics import PAIRS, STATES, EmbeddedStates, find_contexts, some_episodes
from episodic.metrics.similarity_pairs import similarity_pairs
from episodic.plots.context_pictures import confusions_figure, course_figure, map_figure, some_contexts
from episodic.plots.encoder_curves import histogram_figure
from lightning_modules.encoder import Batch
from lightning_modules.hidden_state_encoder import HiddenStateEncoder, embedded_states

KINDS = {"same context": "tab:green", "another context": "tab:red"}


class HiddenStatePlots(pl.Callback):
    """Shows what the encoder makes of states: of validation when training ends, and of test after `test`.

    Into `figures/` and TensorBoard go `states_map` (t-SNE of the states as they are beside their embeddings),
    `states_confusions` (which contexts are taken for which: by the classifier where it knows these contexts, else by
    the nearest state of another episode), `states_course` (contexts recognised by pull and by exposure, by the
    embeddings, by the states as they are and by the classifier) and `states_similarities` (of states of the same
    and of different contexts), each with the name of the split.

    Args:
        mapped: states on the map.
        contexts: contexts on the map.

    Raises:
        InputError: a number that is not positive.
    """

    def __init__(self, mapped: int = 1000, contexts: int = 20) -> None:
        super().__init__()
        require_positive(mapped=mapped, contexts=contexts)
        self.mapped, self.contexts = mapped, contexts

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Only an encoder of hidden states can be shown."""
        kind = type(pl_module).__name__
        require(isinstance(pl_module, HiddenStateEncoder), f"HiddenStatePlots shows HiddenStateEncoder, not {kind}")

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, "val")

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self._draw(trainer, pl_module, "test")

    def _draw(self, trainer: pl.Trainer, pl_module: pl.LightningModule, split: str) -> None:
        if not keeps_files(trainer):
            return
        assert isinstance(pl_module, HiddenStateEncoder)
        batches = getattr(trainer.datamodule, f"{split}_dataloader")()  # type: ignore[attr-defined]
        raw, states = embed_states(pl_module, batches)
        rows = some_contexts(states.labels, self.contexts, self.mapped)
        kind = "cue" if trainer.datamodule.state == "cue" else "state"  # type: ignore[attr-defined]
        pictures = {"map": map_figure(raw[rows], states.embeddings[rows], states.labels[rows], split, f"{kind}s")}
        recognised = {
            "nearest embedding": by_nearest(states),
            f"nearest {kind}": by_nearest(states._replace(embeddings=raw)),
        }
        shown, by = recognised["nearest embedding"], "the nearest embedding"
        if pl_module.classifies:
            shown, by = states, "the classifier"
            recognised["classifier"] = states
        pictures["confusions"] = confusions_figure(shown.labels, shown.predicted, split, by)
        pictures["course"] = course_figure(recognised, split)
        pictures["similarities"] = similarities_figure(states, split)
        for name, figure in pictures.items():
            save_figure(trainer, figure, f"states_{name}_{split}")


def by_nearest(states: EmbeddedStates) -> EmbeddedStates:
    """Those states whose context was met in another episode, with the context of the nearest as the prediction."""
    some = some_episodes(states, STATES)
    found = find_contexts(some)
    return some.take(found.rows)._replace(predicted=found.labels)


def similarities_figure(states: EmbeddedStates, split: str) -> Figure:
    """Similarities of embeddings of different episodes, of the same context and of different ones."""
    some, generator = some_episodes(states, STATES), torch.Generator().manual_seed(0)
    pairs = similarity_pairs(some.embeddings, some.labels, some.episodes, generator, PAIRS)
    return histogram_figure(dict(zip(KINDS, pairs, strict=True)), split, "embeddings", KINDS)


@torch.no_grad()
def embed_states(module: HiddenStateEncoder, batches: Iterable[Batch]) -> tuple[Tensor, EmbeddedStates]:
    """States `[N, H]` as they are, and embedded as outside training, on the CPU."""
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
