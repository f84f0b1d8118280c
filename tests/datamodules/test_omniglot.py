"""The data module: batches cut from memory, quarter turns, batches by class, the same batches on resume."""

import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from cli import main
from datamodules import sampling
from datamodules.drawings import DrawingBatch, DrawingDataset, turned
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.omniglot.protocols import LakeProtocol, VinyalsProtocol
from episodic.drawings.omniglot.sources import OmniglotDrawings
from episodic.errors import InputError
from tests.tiny import CPU, PROJECT

LAKE = LakeProtocol(validation_alphabets=2)


class Recorder(pl.LightningModule):
    """Keeps what every batch held."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[list[float]] = []

    def training_step(self, batch: DrawingBatch) -> Tensor:
        self.seen.append(batch.images.sum(dim=(1, 2, 3)).tolist())
        return self.weight * batch.images.mean()

    def predict_step(self, batch: DrawingBatch) -> Tensor:
        return batch.labels

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def arguments(generated_omniglot: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a data module on the generated drawings; one cache for all tests."""
    cache = tmp_path_factory.getbasetemp() / "omniglot-cache"
    return {
        "root": str(generated_omniglot),
        "cache_dir": str(cache),
        "drawings": OmniglotDrawings(check_counts=False),
        "protocol": LAKE,
        "batch_size": 64,
    }


def ready(arguments: dict[str, Any], **changes: Any) -> OmniglotDataModule:
    data = OmniglotDataModule(**{**arguments, **changes})
    data.prepare_data()
    data.setup("fit")
    return data


def test_batches_are_floats_with_ink_one(arguments: dict[str, Any]) -> None:
    data = ready(arguments, image_size=32)
    assert data.sizes == {"image_size": 32, "classes": 16}
    batch = next(iter(data.train_dataloader()))
    assert isinstance(batch, DrawingBatch)
    assert batch.images.shape == (64, 1, 32, 32)
    assert batch.images.dtype == torch.float32
    assert batch.labels.dtype == torch.long
    assert batch.images.min() == 0.0
    assert batch.images.max() == 1.0
    assert batch.images.mean() < 0.2


def test_a_batch_holds_the_drawings_of_its_labels(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    owner = {image.numpy().tobytes(): label for image, label in zip(*data.train[:2], strict=True)}
    for images, labels in data.train_dataloader():
        for image, label in zip((images.squeeze(1) * 255).round().byte(), labels, strict=True):
            assert owner[image.numpy().tobytes()] == label


@pytest.mark.parametrize("split", ["val", "test", "predict"])
def test_evaluation_is_everything_in_order(arguments: dict[str, Any], split: str) -> None:
    data = ready(arguments)
    part = data.val if split == "val" else data.test
    loader = getattr(data, f"{split}_dataloader")()
    batches = list(loader)
    assert len(loader) == len(batches)
    assert torch.equal(torch.cat([batch.labels for batch in batches]), part.labels)
    assert torch.equal(torch.cat([batch.images for batch in batches]).squeeze(1), part.images / 255)


def test_ranks_share_the_drawings(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = ready(arguments)
    counts = []
    shards = []
    for rank in range(3):
        monkeypatch.setattr(sampling, "rank_and_world", lambda rank=rank: (rank, 3))
        counts.append(len(list(data.train_dataloader())))
        shards.append(torch.cat([batch.labels for batch in data.val_dataloader()]))
    assert len(set(counts)) == 1
    assert torch.equal(torch.cat(shards).sort().values, data.val.labels)


def labels_of_epoch(data: OmniglotDataModule, epoch: int) -> list[int]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return torch.cat([batch.labels for batch in loader]).tolist()


def test_the_order_follows_seed_and_epoch(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = ready(arguments)
    monkeypatch.setenv("PL_GLOBAL_SEED", "4")
    first = labels_of_epoch(data, 0)
    assert labels_of_epoch(data, 0) == first
    assert labels_of_epoch(data, 1) != first
    monkeypatch.setenv("PL_GLOBAL_SEED", "5")
    assert labels_of_epoch(data, 0) != first


def trainer(folder: Path, epochs: int) -> pl.Trainer:
    return pl.Trainer(
        default_root_dir=folder,
        max_epochs=epochs,
        accelerator="cpu",
        logger=False,
        callbacks=[ModelCheckpoint(folder, filename="last", every_n_epochs=1, enable_version_counter=False)],
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def test_a_resumed_run_meets_the_same_batches(arguments: dict[str, Any], tmp_path: Path) -> None:
    straight = Recorder()
    trainer(tmp_path / "a", 3).fit(straight, datamodule=ready(arguments))
    first, second = Recorder(), Recorder()
    trainer(tmp_path / "b", 1).fit(first, datamodule=ready(arguments))
    resumed = trainer(tmp_path / "b", 3)
    resumed.fit(second, datamodule=ready(arguments), ckpt_path=str(tmp_path / "b" / "last.ckpt"))
    assert len(straight.seen) == 15
    assert len(first.seen) == 5
    assert first.seen + second.seen == straight.seen
    assert straight.seen[:5] != straight.seen[5:10]


def test_predictions_cover_the_test_drawings(arguments: dict[str, Any], tmp_path: Path) -> None:
    data = ready(arguments)
    predictions = trainer(tmp_path, 1).predict(Recorder(), datamodule=data)
    assert predictions is not None
    assert torch.equal(torch.cat(predictions), data.test.labels)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"image_size": 20}, "image_size is 20"),
        ({"drawings": OmniglotDrawings()}, "24 classes in 6 alphabets"),
        ({"per_class": 5}, "batch_size is 64: it must be a multiple of per_class, 5"),
        ({"per_class": 0}, "per_class is 0"),
        ({"shots": 1}, "shots is 1: episodes need per_class"),
        ({"per_class": 4, "shots": 4}, "shots is 4: it must be smaller than per_class, 4"),
        ({"per_class": 2}, "a batch needs 32 classes of 2 items: there are 16 classes"),
        ({"per_class": 32}, "a batch needs 32 items of each class: the smallest class has 20"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ready(arguments, **changes).train_dataloader()
    assert "\n" not in str(error.value)


def test_rotations_are_classes_of_their_own(arguments: dict[str, Any]) -> None:
    data = ready(arguments, rotations=True)
    drawings = enumerate(zip(data.train.images, data.train.labels.tolist(), strict=True))
    owner = {image.numpy().tobytes(): (index, label) for index, (image, label) in drawings}
    seen = set()
    for images, labels in data.train_dataloader():
        for image, label in zip((images.squeeze(1) * 255).round().byte(), labels.tolist(), strict=True):
            back = torch.rot90(image, -(label % 4))
            index, character = owner[back.contiguous().numpy().tobytes()]
            assert character == label // 4
            seen.add((index, label % 4))
    assert len(seen) == 4 * 320  # everything, once


def test_only_training_is_rotated(arguments: dict[str, Any]) -> None:
    plain, rotated = ready(arguments), ready(arguments, rotations=True)
    for split in ("val", "test", "predict"):
        batches = (next(iter(getattr(data, f"{split}_dataloader")())) for data in (plain, rotated))
        one, other = batches
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)


@pytest.mark.parametrize("rotations", [False, True])
def test_labels_of_the_data_set_are_those_of_its_batches(arguments: dict[str, Any], rotations: bool) -> None:
    dataset = DrawingDataset(ready(arguments).train, rotations)
    assert torch.equal(dataset[range(len(dataset))].labels, dataset.labels)
    assert torch.equal(dataset[5].images, dataset[torch.arange(4, 7)].images[1:2])


def test_turning_is_rot90_of_each() -> None:
    images, turns = torch.arange(7 * 9).view(7, 3, 3), torch.tensor([3, 0, 1, 2, 1, 3, 0])
    for image, turn, result in zip(images, turns.tolist(), turned(images, turns), strict=True):
        assert torch.equal(result, torch.rot90(image, turn))


@pytest.mark.parametrize(
    ("changes", "classes"),
    [
        ({}, 16),
        ({"rotations": True}, 64),
        ({"rotations": True, "protocol": LakeProtocol(2, classes=3)}, 12),
        ({"protocol": VinyalsProtocol()}, 24),
        ({"protocol": LakeProtocol(2, alphabets=["Doric"])}, 4),
    ],
)
def test_the_number_of_classes_is_known_before_anything_is_decoded(
    arguments: dict[str, Any], tmp_path: Path, changes: dict[str, Any], classes: int
) -> None:
    before = OmniglotDataModule(**{**arguments, **changes, "cache_dir": str(tmp_path / "cache")})
    assert before.sizes == {"image_size": 28, "classes": classes}
    assert not (tmp_path / "cache").exists()
    after = ready(arguments, **changes)
    assert after.sizes == before.sizes
    labels = DrawingDataset(after.train, after.rotations).labels
    assert labels.unique().tolist() == list(range(classes))


def test_a_model_may_have_classes_of_its_own(arguments: dict[str, Any], tmp_path: Path) -> None:
    # Lightning compares hyperparameters of the same name when there is a logger.
    class Classifier(Recorder):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.save_hyperparameters()

    data = ready(arguments, rotations=True, protocol=LakeProtocol(2, classes=3))
    logged = trainer(tmp_path, 1)
    logged.loggers = [CSVLogger(tmp_path)]
    logged.fit(Classifier(data.sizes["classes"]), datamodule=data)
    assert logged.global_step == 3  # full batches of 64 among 240


@pytest.mark.parametrize(("rotations", "batches"), [(False, 5), (True, 20)])
def test_batches_of_a_few_classes(arguments: dict[str, Any], rotations: bool, batches: int) -> None:
    data = ready(arguments, per_class=4, rotations=rotations)
    loader = data.train_dataloader()
    assert len(loader) == len(list(loader)) == batches
    for batch in loader:
        groups = batch.labels.view(16, 4)
        assert (groups == groups[:, :1]).all()
        assert len(groups[:, 0].unique()) == 16
    assert labels_of_epoch(data, 3) == labels_of_epoch(data, 3) != labels_of_epoch(data, 4)


def test_episodes_begin_with_the_support(arguments: dict[str, Any]) -> None:
    data = ready(arguments, batch_size=40, per_class=4, shots=1)
    for batch in data.train_dataloader():
        support, queries = batch.labels[:10], batch.labels[10:].view(10, 3)
        assert len(support.unique()) == 10
        assert (queries == support.unsqueeze(1)).all()


# ------------------------------------------------------------------------------------------- command line


def test_hyperparameters_are_plain_data(arguments: dict[str, Any]) -> None:
    settings = OmniglotDataModule(**arguments).hparams
    assert settings["protocol"]["class_path"] == "episodic.drawings.omniglot.protocols.LakeProtocol"
    assert settings["protocol"]["init_args"]["validation_alphabets"] == 2
    assert settings["drawings"]["init_args"] == {"check_counts": False}


def test_a_shipped_config_trains_on_generated_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    numbers = {"background_alphabets": 3, "background_characters": 12, "evaluation_alphabets": 2}
    numbers |= {"evaluation_characters": 4, "drawers": 4}
    data = ["--data.drawings", "GeneratedDrawings", "--data.cache_dir", str(tmp_path / "cache")]
    data += [part for name, number in numbers.items() for part in (f"--data.drawings.{name}", str(number))]
    data += ["--data.batch_size", "8", "--data.protocol.validation_alphabets", "1"]
    model = ["--model.network.embedding_size", "8", "--model.network.channels", "4", "--model.few_shot_episodes", "5"]
    place = ["--run.root", str(tmp_path / "runs"), "--trainer.max_epochs", "1", *CPU]
    config = ["--config", str(PROJECT / "configs" / "omniglot_encoder.yaml")]
    assert main(["fit", *config, *data, *model, *place]) == 0
    run = tmp_path / "runs" / "omniglot_encoder" / "version_0"
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert (run / "metrics.json").is_file()
    assert sorted(os.listdir(tmp_path)) == ["cache", "runs"]
