"""The data module: splits by alphabet, batches cut from memory, the same on resume."""

import os
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import ModelCheckpoint
from pytorch_lightning.loggers import CSVLogger
from torch import Tensor

from datamodules import sampling
from datamodules.omniglot import DrawingBatch, DrawingDataset, OmniglotDataModule, turned
from episodic.drawings.composites import composite_part
from episodic.drawings.omniglot_files import holds_omniglot, join_parts, list_classes
from episodic.drawings.omniglot_protocols import vinyals_split
from episodic.errors import InputError


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
        "batch_size": 64,
    }


def built(arguments: dict[str, Any], **changes: Any) -> OmniglotDataModule:
    """A data module that holds out two alphabets where it holds out alphabets at all."""
    few = {} if changes.get("protocol") == "vinyals" else {"validation_alphabets": 2}
    return OmniglotDataModule(**{**arguments, **few, **changes})


def ready(arguments: dict[str, Any], **changes: Any) -> OmniglotDataModule:
    data = built(arguments, **changes)
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


@pytest.mark.parametrize("changes", [{}, {"classes": 5}, {"protocol": "vinyals"}, {"rotations": True}], ids=str)
def test_characters_are_counted_without_decoding_them(
    arguments: dict[str, Any], changes: dict[str, Any], tmp_path: Path
) -> None:
    data = built(arguments, cache_dir=str(tmp_path), **changes)
    counts = data.class_counts()
    assert not list(tmp_path.iterdir())
    data.setup()
    assert counts == {split: len(getattr(data, split).class_names) for split in ("train", "val", "test")}
    assert data.class_counts() == counts
    assert data.train_classes == counts["train"] * (4 if data.rotations else 1)


# ------------------------------------------------------------------------------------------------ protocols


def test_lake_is_the_protocol_by_default(arguments: dict[str, Any]) -> None:
    assert ready(arguments, protocol="lake").train.class_names == ready(arguments).train.class_names
    assert ready(arguments).test.alphabet_names == ["Gaulic", "Hunnic", "Istrian"]


def test_lake_holds_out_five_alphabets_where_nothing_is_said(arguments: dict[str, Any]) -> None:
    open_, five = (ready(arguments, validation_alphabets=count) for count in (None, 5))
    assert len(open_.val.alphabet_names) == 5
    assert open_.val.class_names == five.val.class_names
    assert open_.hparams["validation_alphabets"] is None


def test_vinyals_shares_out_all_characters(arguments: dict[str, Any]) -> None:
    data = ready(arguments, protocol="vinyals")
    parts = (data.train, data.val, data.test)
    assert [len(part.class_names) for part in parts] == [24, 2, 10]  # 36 classes in the shares of 1,100, 100 and 423
    assert len(set().union(*(part.class_names for part in parts))) == 36
    for part in parts:
        assert part.labels.bincount().tolist() == [20] * len(part.class_names)
        assert [part.alphabet_names[a] for a in part.alphabets] == [name.split("/")[0] for name in part.class_names]
    assert len(ready(arguments, protocol="vinyals", validation_classes=6).val.class_names) == 6


def test_the_vinyals_split_is_pinned(arguments: dict[str, Any]) -> None:
    # By hash as in `test_the_split_is_pinned`, of 1/<alphabet>/<character>: the 25th and 26th smallest.
    data = ready(arguments, protocol="vinyals", split_seed=1)
    assert data.val.class_names == ["Cimric/character02", "Cimric/character03"]
    assert "Elamic/character01" in data.test.class_names
    assert ready(arguments, protocol="vinyals", split_seed=2).val.class_names != [
        "Cimric/character02",
        "Cimric/character03",
    ]


def test_classes_keep_their_drawings_under_either_protocol(arguments: dict[str, Any]) -> None:
    lake, vinyals = ready(arguments), ready(arguments, protocol="vinyals")
    parts = (lake.train, lake.val, lake.test)
    drawings = {
        name: part.images[part.labels == label] for part in parts for label, name in enumerate(part.class_names)
    }
    for part in (vinyals.train, vinyals.val, vinyals.test):
        for label, name in enumerate(part.class_names):
            assert torch.equal(part.images[part.labels == label], drawings[name])


def test_official_numbers_give_the_published_shares() -> None:
    names = [f"Alphabet{number // 40}/character{number % 40}" for number in range(1623)]
    assert [len(part) for part in vinyals_split(names, None, 0)] == [1100, 100, 423]
    assert [len(part) for part in vinyals_split(names, 200, 0)] == [1000, 200, 423]


def test_alphabets_of_one_name_become_one(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    joined = join_parts(data.train, data.test._replace(alphabet_names=[data.train.alphabet_names[1], "Hunnic", "X"]))
    assert joined.alphabet_names == [*data.train.alphabet_names, "Hunnic", "X"]
    assert joined.alphabets.bincount().tolist() == [4, 8, 4, 4, 4, 4]
    assert joined.labels.bincount().tolist() == [20] * 28
    assert torch.equal(joined.images[-240:], data.test.images)


@pytest.mark.parametrize("protocol", ["lake", "vinyals"])
def test_training_on_some_alphabets_changes_nothing_else(arguments: dict[str, Any], protocol: str) -> None:
    every = ready(arguments, protocol=protocol)
    chosen = every.train.alphabet_names[1:3]
    some = ready(arguments, protocol=protocol, alphabets=chosen[::-1])
    assert some.train.alphabet_names == chosen
    assert some.train.class_names == [name for name in every.train.class_names if name.split("/")[0] in chosen]
    assert (some.val.class_names, some.test.class_names) == (every.val.class_names, every.test.class_names)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"protocol": "ravi"}, "protocol is 'ravi': it has to be one of lake, vinyals"),
        ({"alphabets": ["Klingon"]}, "alphabets holds 'Klingon': the training alphabets are Cimric, "),
        ({"alphabets": ["Gaulic"]}, "alphabets holds 'Gaulic'"),  # of the test
        ({"alphabets": []}, "alphabets is empty"),
        ({"alphabets": ["Doric"], "classes": 5}, "classes is 5: it has to lie between 1 and 4"),
        ({"protocol": "vinyals", "validation_classes": 26}, "validation_classes is 26: it has to lie between 1 and 25"),
        ({"protocol": "vinyals", "validation_classes": 0}, "validation_classes is 0"),
        ({"protocol": "vinyals", "classes": 25}, "classes is 25: it has to lie between 1 and 24"),
        ({"validation_classes": 3}, "validation_classes is 3: it has to be null, lake goes by validation_alphabets"),
        (
            {"protocol": "vinyals", "validation_alphabets": 2},
            "validation_alphabets is 2: it has to be null, vinyals goes by validation_classes",
        ),
        ({"per_class": 5}, "batch_size is 64: it has to be a multiple of per_class, 5"),
        ({"per_class": 0}, "per_class is 0"),
        ({"shots": 1}, "shots is 1: episodes need per_class"),
        ({"generated_classes": -1}, "generated_classes is -1: it has to be 0 or more"),
        ({"composite_classes": -1}, "composite_classes is -1: it has to be 0 or more"),
        ({"per_class": 4, "shots": 4}, "shots is 4: it has to be smaller than per_class, 4"),
        ({"per_class": 2}, "32 classes of 2 items are wanted in a batch: there are 16 classes"),
        ({"per_class": 32}, "32 items of each class are wanted in a batch: the smallest class has 20"),
    ],
)
def test_bad_choices_are_refused(arguments: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ready(arguments, **changes).train_dataloader()
    assert "\n" not in str(error.value)


# ------------------------------------------------------------------------------------------------ rotations


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


def test_generated_classes_follow_the_real_ones(arguments: dict[str, Any]) -> None:
    without, more = ready(arguments), built(arguments, generated_classes=3, rotations=True)
    classes = len(without.train.class_names)
    assert more.sizes["classes"] == 4 * (classes + 3)  # known before anything is decoded
    more.prepare_data()
    more.setup()
    assert more.sizes["classes"] == 4 * (classes + 3)
    assert more.train.labels.bincount().tolist()[classes:] == [20, 20, 20]
    assert torch.equal(more.train.images[: len(without.train.images)], without.train.images)
    assert more.train.images[-1].max() == 255
    assert more.train.alphabet_names[int(more.train.alphabets[-1])] == "generated"
    assert torch.equal(more.val.images, without.val.images)
    assert torch.equal(more.test.images, without.test.images)


def test_composites_come_last_and_are_of_the_real_training_classes(arguments: dict[str, Any]) -> None:
    without = ready(arguments, generated_classes=2)
    more = built(arguments, generated_classes=2, composite_classes=3, rotations=True)
    classes = len(without.train.class_names)
    assert more.sizes["classes"] == 4 * (classes + 3)  # known before anything is decoded
    more.prepare_data()
    more.setup()
    assert more.sizes["classes"] == 4 * (classes + 3)
    assert torch.equal(more.train.images[: len(without.train.images)], without.train.images)
    real = ready(arguments).train
    composites = composite_part(real, 3, more.split_seed)
    assert torch.equal(more.train.images[len(without.train.images) :], composites.images)
    assert more.train.alphabet_names[int(more.train.alphabets[-1])] == "composites"
    assert torch.equal(more.val.images, without.val.images)
    assert torch.equal(more.test.images, without.test.images)


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
        ({"rotations": True, "classes": 3}, 12),
        ({"protocol": "vinyals"}, 24),
        ({"alphabets": ["Doric"]}, 4),
    ],
)
def test_the_number_of_classes_is_known_before_anything_is_decoded(
    arguments: dict[str, Any], tmp_path: Path, changes: dict[str, Any], classes: int
) -> None:
    before = built(arguments, **changes, cache_dir=str(tmp_path / "cache"))
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

    data = ready(arguments, rotations=True, classes=3)
    logged = trainer(tmp_path, 1)
    logged.loggers = [CSVLogger(tmp_path)]
    logged.fit(Classifier(data.sizes["classes"]), datamodule=data)
    assert logged.global_step == 3  # full batches of 64 among 240


# -------------------------------------------------------------------------------------------- class batches


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


REAL = os.environ.get("OMNIGLOT_ROOT", "")


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and holds_omniglot(Path(REAL))), reason="OMNIGLOT_ROOT holds no Omniglot")
def test_real_omniglot_has_the_published_numbers() -> None:
    lake, vinyals = (OmniglotDataModule(REAL, protocol=name, rotations=True) for name in ("lake", "vinyals"))
    for data, counts in ((lake, (822, 142, 659)), (vinyals, (1100, 100, 423))):
        background, evaluation = (list_classes(Path(REAL), part) for part in ("background", "evaluation"))
        assert tuple(len(part) for part in data._split(background, evaluation)) == counts
        assert data.train_classes == 4 * counts[0]
