"""Pictures and embeddings for the run's folder and its loggers.

A logger that is not known here is passed over. `send_picture` and `send_embedding` are `functools.singledispatch`
functions of the logger: `send_picture.register` adds another kind.
"""

from collections.abc import Sequence
from contextlib import redirect_stdout
from functools import singledispatch
from io import BytesIO
from os import devnull
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytorch_lightning as pl
from matplotlib.figure import Figure
from PIL import Image
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from torch import Tensor

from episodic.files import replacing

FOLDER = "figures"
#: Width in inches at which text of the usual size can be read on a card of 350 pixels, and the picture's own pixels.
CARD_WIDTH, CARD_PIXELS = 5.0, 1000

Picture = npt.NDArray[np.uint8]  # [height, width, 3]


class Embedding(NamedTuple):
    """N vectors with a row of metadata each, for an embedding projector."""

    vectors: Tensor  # [N, D]
    metadata: Sequence[Sequence[object]]  # N rows
    header: Sequence[str]  # names of the columns
    images: Tensor | None = None  # [N, 1, S, S] in [0, 1], paper = 1


def keeps_files(trainer: pl.Trainer) -> bool:
    """Return whether this process writes the run's files: the first one does, unless this is a `fast_dev_run`."""
    return trainer.is_global_zero and not getattr(trainer, "fast_dev_run", False)


def logged_step(trainer: pl.Trainer) -> int:
    """Return the step of the newest metrics: what a stage logs as `step`, else the number of optimiser steps.

    An agent logs the episodes that it has played, the encoders log their optimiser steps.
    """
    step = trainer.logged_metrics.get("step")
    return int(trainer.global_step if step is None else step)


def log_picture(trainer: pl.Trainer, figure: Figure, name: str, *, file: bool = True) -> None:
    """Write `figures/<name>.png` into the run's folder, unless `file` is false, and send the picture to all loggers."""
    if not keeps_files(trainer):
        return
    if file:
        with replacing(Path(trainer.default_root_dir) / FOLDER / f"{name}.png") as temporary:
            figure.savefig(temporary, dpi=130, format="png")
    if trainer.loggers:
        image = rendered(figure)
        for logger in trainer.loggers:
            send_picture(logger, image, name, logged_step(trainer))


def log_embedding(trainer: pl.Trainer, embedding: Embedding, name: str) -> None:
    """Send an embedding to the projector of all loggers that have one; nothing for no vectors."""
    if not keeps_files(trainer) or len(embedding.vectors) == 0:
        return
    for logger in trainer.loggers:
        send_embedding(logger, embedding, name, logged_step(trainer))


def rendered(figure: Figure) -> Picture:
    """Draw a figure in a small size, so that its text can be read on the cards of loggers, with many pixels."""
    size, panels = figure.get_size_inches().copy(), [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    width = min(size[0], CARD_WIDTH * len(panels)) if len(panels) <= 2 else size[0]
    try:
        figure.set_size_inches(size * width / size[0])
        with BytesIO() as buffer:
            figure.savefig(buffer, format="png", dpi=max(CARD_PIXELS / width, 100))
            return np.asarray(Image.open(buffer).convert("RGB"))
    finally:
        figure.set_size_inches(size)


@singledispatch
def send_picture(logger: Logger, picture: Picture, name: str, step: int) -> None:
    """Send a picture to a logger."""


@send_picture.register
def _(logger: TensorBoardLogger, picture: Picture, name: str, step: int) -> None:
    logger.experiment.add_image(f"{FOLDER}/{name}", picture, step, dataformats="HWC")


@send_picture.register
def _(logger: WandbLogger, picture: Picture, name: str, step: int) -> None:
    logger.log_image(f"{FOLDER}/{name}", [picture], step)


@send_picture.register
def _(logger: MLFlowLogger, picture: Picture, name: str, step: int) -> None:
    logger.experiment.log_image(logger.run_id, picture, f"{FOLDER}/{name}.png")


@singledispatch
def send_embedding(logger: Logger, embedding: Embedding, name: str, step: int) -> None:
    """Send an embedding to a logger's projector."""


@send_embedding.register
def _(logger: TensorBoardLogger, embedding: Embedding, name: str, step: int) -> None:
    rows = [list(row) for row in embedding.metadata]
    alone = len(embedding.header) == 1  # TensorBoard's format: a single column has no header
    with open(devnull, "w") as quiet, redirect_stdout(quiet):  # it prints when a test is repeated
        logger.experiment.add_embedding(
            embedding.vectors,
            metadata=[row[0] for row in rows] if alone else rows,
            metadata_header=None if alone else list(embedding.header),
            label_img=embedding.images,
            tag=name,
            global_step=step,
        )


@send_embedding.register
def _(logger: WandbLogger, embedding: Embedding, name: str, step: int) -> None:
    dimensions = [f"dimension_{number}" for number in range(embedding.vectors.shape[1])]
    rows = zip(embedding.metadata, embedding.vectors.tolist(), strict=True)
    table = [[*(str(fact) for fact in facts), *vector] for facts, vector in rows]
    logger.log_table(name, columns=[*embedding.header, *dimensions], data=table, step=step)
