"""Plots of an encoder of drawings: neighbours, confusions, streams, similarities, and the embedding projector."""

from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from torch import Tensor

from callbacks.pictures import Embedding, keeps_files, log_embedding, log_picture
from episodic.drawings.embedding import embed_drawings
from episodic.drawings.omniglot.part import OmniglotPart
from episodic.errors import require, require_positive
from episodic.memory.parallel_kaiser import ParallelKaiserMemories
from episodic.metrics.alphabet_pairs import alphabet_pairs
from episodic.metrics.retrieval import nearest_neighbours
from episodic.metrics.sequential import sequential_accuracy
from episodic.plots.choice import whole_classes
from episodic.plots.embeddings.drawing_confusions import plot_drawing_confusions
from episodic.plots.embeddings.drawing_neighbours import plot_neighbours
from episodic.plots.embeddings.embedding_curves import plot_similarities, plot_streams


class EncoderPlots(pl.Callback):
    """Plot the embeddings of the test drawings after `test`.

    - `encoder_neighbours`: drawings and the drawings nearest to them;
    - `encoder_confusions`: the classes that are confused most;
    - `encoder_sequence`: accuracy in a stream of new classes, by the presentations of a class;
    - `encoder_similarities`: similarities within and between classes.

    Whole classes with their drawings also go to the loggers' projector (`encoder_test`). The embeddings are those of
    the module's `embed` during the test.

    Args:
        queries: number of drawings whose neighbours are shown, and of wrongly recognised ones beside them.
        neighbours: nearest others of each drawing.
        pairs: number of pairs of confused classes.
        ways: numbers of classes in a stream; left out if there are too few test drawings.
        presentations: presentations of a class in a stream.
        episodes: number of streams.
        projected: number of drawings in the projector, about.
        seed: of the streams and of the compared pairs.

    Raises:
        InputError: a number is out of range.
    """

    def __init__(
        self,
        queries: int = 14,
        neighbours: int = 8,
        pairs: int = 10,
        ways: Sequence[int] = (5, 20),
        presentations: int = 10,
        episodes: int = 400,
        projected: int = 1000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require_positive(queries=queries, neighbours=neighbours, pairs=pairs, presentations=presentations)
        require_positive(episodes=episodes, projected=projected)
        require(all(way >= 2 for way in ways), f"ways is {list(ways)}: a stream must have at least 2 classes")
        self.queries, self.neighbours, self.pairs, self.projected = queries, neighbours, pairs, projected
        self.ways, self.presentations, self.episodes, self.seed = tuple(ways), presentations, episodes, seed
        self._embeddings: Tensor | None = None

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Embed while the module is in its tested state, with averaged weights if it has them."""
        if keeps_files(trainer):
            part = _test_part(trainer)
            embedded = embed_drawings(lambda x: pl_module.embed(x.to(pl_module.device)), part.images)  # type: ignore[operator]
            self._embeddings = embedded.float().cpu()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._embeddings is None:
            return
        part, embeddings = _test_part(trainer), self._embeddings
        self._embeddings = None
        self._plot_nearest(trainer, embeddings, part)
        generator = torch.Generator().manual_seed(self.seed)
        log_picture(trainer, plot_streams(self._streams(embeddings, part, generator), "test"), "encoder_sequence")
        samples = alphabet_pairs(embeddings, part.labels, part.alphabets, generator)
        log_picture(trainer, plot_similarities(samples, "test"), "encoder_similarities")
        self._project(trainer, embeddings, part)

    def _plot_nearest(self, trainer: pl.Trainer, embeddings: Tensor, part: OmniglotPart) -> None:
        nearest, similarity = nearest_neighbours(embeddings, min(self.neighbours, len(embeddings) - 1))
        figure = plot_neighbours(part.images, part.labels, nearest, similarity, self.queries, "test")
        log_picture(trainer, figure, "encoder_neighbours")
        figure = plot_drawing_confusions(part.images, part.labels, part.class_names, nearest[:, 0], self.pairs, "test")
        log_picture(trainer, figure, "encoder_confusions")

    def _streams(self, embeddings: Tensor, part: OmniglotPart, generator: torch.Generator) -> dict[int, Tensor]:
        """Return accuracies `[E, K]` by the number of classes, if there are enough drawings."""
        available = int((part.labels.bincount() >= self.presentations).sum())
        return {
            ways: sequential_accuracy(
                ParallelKaiserMemories,
                embeddings,
                part.labels,
                ways=ways,
                presentations=self.presentations,
                episodes=self.episodes,
                generator=generator,
            )
            for ways in self.ways
            if ways <= available
        }

    def _project(self, trainer: pl.Trainer, embeddings: Tensor, part: OmniglotPart) -> None:
        rows = whole_classes(part.labels, self.projected)
        paper = 1 - part.images[rows].unsqueeze(1).float() / 255
        log_embedding(
            trainer, Embedding(embeddings[rows], part.names_of(rows), ["class", "alphabet"], paper), "encoder_test"
        )


def _test_part(trainer: pl.Trainer) -> OmniglotPart:
    part: OmniglotPart = trainer.datamodule.test  # type: ignore[attr-defined]
    return part
