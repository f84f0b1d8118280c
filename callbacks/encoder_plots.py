"""Pictures of an encoder of drawings: neighbours, confusions, streams, similarities, and the projector."""

from collections.abc import Sequence

import pytorch_lightning as pl
import torch
from pytorch_lightning.loggers import TensorBoardLogger
from torch import Tensor

from callbacks.figures import keeps_files, save_figure
from episodic.drawings.embedding import embed_drawings
from episodic.drawings.omniglot_files import OmniglotPart
from episodic.errors import require, require_positive
from episodic.memory.kaiser_memory import KaiserMemory
from episodic.metrics.retrieval import nearest_neighbours
from episodic.metrics.sequential import sequential_accuracy
from episodic.plots.drawing_confusions import confusions_figure
from episodic.plots.drawing_neighbours import neighbours_figure, spread_evenly
from episodic.plots.encoder_curves import histogram_figure, sequential_figure, similarity_samples


class EncoderPlots(pl.Callback):
    """Shows after `test` what the encoder makes of the test drawings.

    Into `figures/` and TensorBoard go `encoder_neighbours` (some drawings and those nearest to them),
    `encoder_confusions` (the classes confused most), `encoder_sequence` (accuracy in a stream by the number of times
    that a class has been met) and `encoder_similarities` (within and between classes); into TensorBoard's projector
    go whole classes with their drawings (`encoder_test`). The embeddings are those of the module's `embed` while the
    test lasts.

    Args:
        queries: drawings whose neighbours are shown, and as many again that are found wrong.
        neighbours: nearest others of each.
        pairs: pairs of classes that are confused.
        ways: classes in a stream; numbers that the test drawings are too few for are passed over.
        presentations: times that a class is met in a stream.
        episodes: streams.
        projected: drawings in the projector, about.
        seed: of the streams and of the pairs that are compared.

    Raises:
        InputError: a number out of range.
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
        require(all(way >= 2 for way in ways), f"ways is {list(ways)}: a stream has 2 classes or more")
        self.queries, self.neighbours, self.pairs, self.projected = queries, neighbours, pairs, projected
        self.ways, self.presentations, self.episodes, self.seed = tuple(ways), presentations, episodes, seed
        self._embeddings: Tensor | None = None

    def on_test_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Take the embeddings while the module is as it was tested, averaged weights and all."""
        if keeps_files(trainer):
            part = _test_part(trainer)
            embedded = embed_drawings(lambda x: pl_module.embed(x.to(pl_module.device)), part.images)  # type: ignore[operator]
            self._embeddings = embedded.float().cpu()

    def on_test_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if self._embeddings is None:
            return
        part, embeddings = _test_part(trainer), self._embeddings
        self._embeddings = None
        self._draw_neighbours(trainer, embeddings, part)
        generator = torch.Generator().manual_seed(self.seed)
        save_figure(trainer, sequential_figure(self._streams(embeddings, part, generator), "test"), "encoder_sequence")
        samples = similarity_samples(embeddings, part.labels, part.alphabets, generator)
        save_figure(trainer, histogram_figure(samples, "test"), "encoder_similarities")
        self._project(trainer, embeddings, part)

    def _draw_neighbours(self, trainer: pl.Trainer, embeddings: Tensor, part: OmniglotPart) -> None:
        found = nearest_neighbours(embeddings, min(self.neighbours, len(embeddings) - 1))
        figure = neighbours_figure(part.images, part.labels, found, self.queries, "test")
        save_figure(trainer, figure, "encoder_neighbours")
        nearest = found.rows[:, 0]
        figure = confusions_figure(part.images, part.labels, part.class_names, nearest, self.pairs, "test")
        save_figure(trainer, figure, "encoder_confusions")

    def _streams(self, embeddings: Tensor, part: OmniglotPart, generator: torch.Generator) -> dict[int, Tensor]:
        """Accuracies `[E, K]` by number of classes, where the drawings are enough."""
        available = int((part.labels.bincount() >= self.presentations).sum())
        return {
            ways: sequential_accuracy(
                KaiserMemory(ways * self.presentations, embeddings.shape[1]),
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
        """Send the embeddings of whole classes with their drawings to TensorBoard's projector."""
        rows = whole_classes(part.labels, self.projected)
        labels = part.labels[rows].tolist()
        names = [[part.class_names[label], part.alphabet_names[int(part.alphabets[label])]] for label in labels]
        for logger in trainer.loggers:
            if isinstance(logger, TensorBoardLogger):
                logger.experiment.add_embedding(
                    embeddings[rows],
                    metadata=names,
                    metadata_header=["class", "alphabet"],
                    label_img=1 - part.images[rows].unsqueeze(1).float() / 255,
                    tag="encoder_test",
                    global_step=trainer.global_step,
                )


def whole_classes(labels: Tensor, count: int) -> Tensor:
    """Rows of all the embeddings of some classes, evenly spread; `count` rows where classes are of equal size."""
    classes = labels.unique()
    chosen = spread_evenly(max(1, count * len(classes) // len(labels)), len(classes))
    return torch.isin(labels, classes[chosen]).nonzero().squeeze(1)


def _test_part(trainer: pl.Trainer) -> OmniglotPart:
    part: OmniglotPart = trainer.datamodule.test  # type: ignore[attr-defined]
    return part
