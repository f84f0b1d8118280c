"""Pictures, embeddings and settings for the run's folder and its loggers.

A logger that is not known here is passed over. `send_picture`, `send_embedding` and `send_settings` are
`functools.singledispatch` functions of the logger: `send_picture.register` adds another kind.
"""

from collections.abc import Mapping, Sequence
from functools import singledispatch
from pathlib import Path
from typing import Any, NamedTuple

import pytorch_lightning as pl
from matplotlib.figure import Figure
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from torch import Tensor

from episodic.files import replacing

FOLDER = "figures"


class Embedding(NamedTuple):
    """N vectors with a row of facts each, for an embedding projector."""

    vectors: Tensor  # [N, D]
    metadata: Sequence[Sequence[object]]  # N rows
    header: Sequence[str]  # names of the columns
    images: Tensor | None = None  # [N, 1, S, S] in [0, 1], paper = 1


def keeps_files(trainer: pl.Trainer) -> bool:
    """Return whether this process writes the run's files: the first one does, unless this is a `fast_dev_run`."""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)


def log_picture(trainer: pl.Trainer, figure: Figure, name: str, *, file: bool = True) -> None:
    """Write `figures/<name>.png` into the run's folder, unless `file` is false, and send the picture to all loggers."""
    if not keeps_files(trainer):
        return
    if file:
        with replacing(Path(trainer.default_root_dir) / FOLDER / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=130, format="png")
    for logger in trainer.loggers:
        send_picture(logger, figure, name, trainer.global_step)


def log_embedding(trainer: pl.Trainer, embedding: Embedding, name: str) -> None:
    """Send an embedding to the projector of all loggers that have one; nothing for no vectors."""
    if not keeps_files(trainer) or len(embedding.vectors) == 0:
        return
    for logger in trainer.loggers:
        send_embedding(logger, embedding, name, trainer.global_step)


def log_settings(trainer: pl.Trainer, settings: Mapping[str, Any], results: Mapping[str, float]) -> None:
    """Send a run's settings beside its results to all loggers that compare runs by them."""
    if not trainer.is_global_zero:
        return
    for logger in trainer.loggers:
        send_settings(logger, settings, results)


@singledispatch
def send_picture(logger: Logger, figure: Figure, name: str, step: int) -> None:
    """Send a picture to a logger."""


@send_picture.register
def _(logger: TensorBoardLogger, figure: Figure, name: str, step: int) -> None:
    logger.experiment.add_figure(f"{FOLDER}/{name}", figure, step, close=False)


@send_picture.register
def _(logger: WandbLogger, figure: Figure, name: str, step: int) -> None:
    logger.log_image(f"{FOLDER}/{name}", [figure], step)


@send_picture.register
def _(logger: MLFlowLogger, figure: Figure, name: str, step: int) -> None:
    logger.experiment.log_figure(logger.run_id, figure, f"{FOLDER}/{name}.png")


@singledispatch
def send_embedding(logger: Logger, embedding: Embedding, name: str, step: int) -> None:
    """Send an embedding to a logger's projector."""


@send_embedding.register
def _(logger: TensorBoardLogger, embedding: Embedding, name: str, step: int) -> None:
    logger.experiment.add_embedding(
        embedding.vectors,
        metadata=[list(row) for row in embedding.metadata],
        metadata_header=list(embedding.header),
        label_img=embedding.images,
        tag=name,
        global_step=step,
    )


@singledispatch
def send_settings(logger: Logger, settings: Mapping[str, Any], results: Mapping[str, float]) -> None:
    """Send settings and results to a logger that compares runs; Lightning itself sends all loggers the settings."""


@send_settings.register
def _(logger: TensorBoardLogger, settings: Mapping[str, Any], results: Mapping[str, float]) -> None:
    logger.log_hyperparams(dict(settings), {f"hparams/{name}": value for name, value in results.items()})
