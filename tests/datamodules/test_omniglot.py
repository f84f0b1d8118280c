"""The data module: splits by alphabet, batches cut from memory, the same on resume."""

from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from torch import Tensor

from datamodules import sampling
from datamodules.omniglot import DrawingBatch, OmniglotDataModule
from errors import InputError


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
        "check_counts": False,
        "validation_alphabets": 2,
        "batch_size": 64,
    }


def ready(arguments: dict[str, Any], **changes: Any) -> OmniglotDataModule:
    data = OmniglotDataModule(**{**arguments, **changes})
    data.prepare_data()
    data.setup("fit")
    return data


def test_whole_alphabets_are_held_out(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    names = [set(part.alphabet_names) for part in (data.train, data.val, data.test)]
    assert [len(alphabets) for alphabets in names] == [4, 2, 3]
    assert len(set.union(*names)) == 9
    classes = [set(part.class_names) for part in (data.train, data.val, data.test)]
    assert [len(part) for part in classes] == [16, 8, 12]
    assert len(set.union(*classes)) == 36
    for part, count in zip((data.train, data.val, data.test), (16, 8, 12), strict=True):
        assert part.labels.bincount().tolist() == [20] * count


def test_the_split_has_its_own_seed(arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    splits = set()
    for seed in ("1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        torch.manual_seed(int(seed))
        data = ready(arguments, classes=5)
        splits.add((*data.val.alphabet_names, *data.train.class_names))
    assert len(splits) == 1
    others = {tuple(ready(arguments, split_seed=seed).val.alphabet_names) for seed in range(6)}
    assert len(others) > 1


def test_the_split_is_pinned(arguments: dict[str, Any]) -> None:
    # By hand: for n in Anglic Borean ...; do printf "1/$n" | sha256sum; done, and the two smallest. Seed 1,
    # since seed 0 happens to hold out the first two names, as a split that forgot its seed would.
    data = ready(arguments, split_seed=1, classes=2)
    assert data.val.alphabet_names == ["Elamic", "Faroic"]
    assert data.train.class_names == ["Borean/character03", "Doric/character01"]


def test_fewer_classes_are_part_of_more(arguments: dict[str, Any]) -> None:
    some, more, every = (set(ready(arguments, classes=n).train.class_names) for n in (3, 9, None))
    assert (len(some), len(more), len(every)) == (3, 9, 16)
    assert some < more < every
    data = ready(arguments, classes=3)
    assert data.train.labels.unique().tolist() == [0, 1, 2]
    assert len(data.val.class_names) == 8


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 17}, "classes is 17: it has to lie between 1 and 16"),
        ({"classes": 0}, "classes is 0"),
        ({"validation_alphabets": 6}, "validation_alphabets is 6: it has to lie between 1 and 5"),
        ({"validation_alphabets": 0}, "validation_alphabets is 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"image_size": 20}, "image_size is 20"),
        ({"check_counts": True}, "24 classes in 6 alphabets"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ready(arguments, **changes)
    assert "\n" not in str(error.value)


def test_batches_are_floats_with_ink_one(arguments: dict[str, Any]) -> None:
    data = ready(arguments, image_size=32)
    assert data.sizes == {"image_size": 32}
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
