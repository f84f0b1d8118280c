"""Which blocks the Omniglot bandit's data module yields, and the drawings that they are made of."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from datamodules.omniglot_bandit import OmniglotBanditDataModule
from episodic.drawings.omniglot import GeneratedDrawings, LakeProtocol, OmniglotDrawings, OmniglotSplits
from episodic.errors import InputError
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.compositional import CompositionalDrawingBandit
from episodic.tasks.drawing_bandit import DrawingBandit

COUNTS = {"train": 16, "val": 8, "test": 12}
SPLITS = tuple(COUNTS)
RULES: dict[str, Any] = {"arms": 2, "contexts": 3, "exposures": 4, "pulls": 2}


@pytest.fixture
def arguments(generated_omniglot: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a small data module on the generated drawings; one cache for all tests."""
    environments = {"environments": 3, "val_environments": 4, "test_environments": 5, "predict_environments": 2}
    return {
        "root": str(generated_omniglot),
        "cache_dir": str(tmp_path_factory.getbasetemp() / "omniglot-cache"),
        "drawings": OmniglotDrawings(check_counts=False),
        "protocol": LakeProtocol(validation_alphabets=2),
        "blocks_per_epoch": 2,
        "test_blocks": 2,
        **environments,
    }


def build(arguments: dict[str, Any], rules: dict[str, Any] | None = None, **changes: Any) -> OmniglotBanditDataModule:
    """A small data module with other rules and other arguments."""
    return OmniglotBanditDataModule(DrawingBandit(**{**RULES, **(rules or {})}), **{**arguments, **changes})


def ready(arguments: dict[str, Any], rules: dict[str, Any] | None = None, **changes: Any) -> OmniglotBanditDataModule:
    data = build(arguments, rules, **changes)
    data.prepare_data()
    data.setup("fit")
    return data


def blocks(data: OmniglotBanditDataModule, split: str) -> list[BlockSpec]:
    return list(getattr(data, f"{split}_dataloader")())


def test_splits_share_no_character(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    names = {split: set(data.part(split).class_names) for split in SPLITS}
    assert {split: len(found) for split, found in names.items()} == COUNTS
    assert len(set.union(*names.values())) == 36
    alphabets = {split: set(data.part(split).alphabet_names) for split in SPLITS}
    assert [len(found) for found in alphabets.values()] == [4, 2, 3]
    assert alphabets["test"] == {"Gaulic", "Hunnic", "Istrian"}
    images = {split: {image.numpy().tobytes() for image in data.part(split).images} for split in SPLITS}
    assert len(set.union(*images.values())) == sum(map(len, images.values()))


def test_splits_are_those_of_the_encoders_data(arguments: dict[str, Any]) -> None:
    protocol = LakeProtocol(validation_alphabets=2, seed=1)
    data = ready(arguments, protocol=protocol)
    source = {name: arguments[name] for name in ("root", "drawings", "cache_dir")}
    other = OmniglotSplits(**source, protocol=protocol).load()
    for split in SPLITS:
        assert data.part(split).class_names == getattr(other, split).class_names
        assert torch.equal(data.part(split).images, getattr(other, split).images)


@pytest.mark.parametrize("split", SPLITS)
def test_blocks_show_drawings_of_their_splits_characters(arguments: dict[str, Any], split: str) -> None:
    data = ready(arguments)
    part, found = data.part(split), blocks(data, split)
    assert [block.batch_size for block in found] == {"train": [3] * 2, "val": [4], "test": [5] * 2}[split]
    for block in found:
        assert block.drawings is not None
        assert block.episodes == 12
        assert torch.equal(part.labels[block.drawings], block.labels)
        assert (block.drawings < len(part.images)).all()
    labels = torch.cat([block.labels for block in blocks(ready(arguments, environments=60), "train")])
    assert int(labels.max()) == 15, "else not all characters are met"


def test_all_characters_of_the_test_are_met(arguments: dict[str, Any]) -> None:
    labels = next(ready(arguments, test_environments=40).evaluation_blocks("test")).labels
    assert set(labels.flatten().tolist()) == set(range(12))


@pytest.mark.parametrize("split", SPLITS)
def test_predict_blocks_are_of_the_split_that_is_asked_for(arguments: dict[str, Any], split: str) -> None:
    data = ready(arguments, predict_split=split, predict_environments=40)
    assert data.characters_of("predict") == split
    assert data.part("predict") is data.part(split)
    labels = torch.cat([block.labels for block in blocks(data, "predict")])
    assert set(labels.flatten().tolist()) == set(range(COUNTS[split]))
    mine = {block.seed for block in blocks(data, "predict")}
    others = {block.seed for other in SPLITS for block in blocks(data, other)}
    assert not mine & others, "blocks of their own"
    assert [data.characters_of(name) for name in SPLITS] == list(SPLITS)


def test_labels_are_as_many_as_the_largest_split_has_characters(arguments: dict[str, Any]) -> None:
    data = build(arguments)
    assert data.sizes == data.task.sizes._asdict()
    sizes = {"actions": 2, "cue_size": 784, "label_count": 16, "steps": 2, "episodes": 12}
    assert sizes.items() <= data.sizes.items()
    assert build(arguments, image_size=32).sizes["cue_size"] == 1024
    few = build(arguments, protocol=LakeProtocol(validation_alphabets=5))
    assert few.sizes["label_count"] == 20  # the validation's
    assert data.task.fixed_labels
    assert data.task.shows_drawings


def test_the_drawings_complete_the_task(arguments: dict[str, Any]) -> None:
    rules = DrawingBandit(**RULES, cue="barcode", bits=20, distance=3, noise=0.3, order="urn")
    data = OmniglotBanditDataModule(rules, **arguments, evaluation={"noise": 0.1})
    assert data.task == rules.on(16, 784, labels=16, barcode_seed=0)
    for index, split in enumerate(SPLITS):
        other = replace(rules, noise=0.1).on(COUNTS[split], 784, labels=16, barcode_seed=index)
        assert data.tasks[split] == other
        assert data.task_of(split) == (data.task if split == "train" else other)


def test_each_split_has_barcodes_of_its_own_and_needs_no_drawings(arguments: dict[str, Any]) -> None:
    data = ready(arguments, {"cue": "barcode", "bits": 20}, cache_dir="nowhere/to/be/made")
    assert not Path("nowhere").exists()
    codes = {split: data.tasks[split].codes() for split in SPLITS}
    for split in SPLITS:
        for block in blocks(data, split):
            assert block.drawings is None
            assert torch.equal(block.cues, codes[split][block.labels])
    assert not torch.equal(codes["train"][:8], codes["val"])
    assert data.sizes["cue_size"] == 20


def test_evaluation_blocks_may_differ_in_noise(arguments: dict[str, Any]) -> None:
    rules = {"cue": "barcode", "bits": 20}
    clean, noisy = (
        ready(arguments, rules, evaluation=changes, predict_split="val") for changes in (None, {"noise": 0.2})
    )
    for split, flips in (("train", 0), ("val", 4), ("test", 4), ("predict", 4)):
        for one, other in zip(blocks(clean, split), blocks(noisy, split), strict=True):
            assert (one.cues != other.cues).sum(dim=-1).unique().tolist() == [flips]


def test_evaluation_blocks_do_not_depend_on_the_runs_seed(
    arguments: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: dict[str, list[list[Any]]] = {split: [] for split in SPLITS}
    for seed in ("1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        data = ready(arguments)
        for split in SPLITS:
            found[split].append(
                [block.drawings.tolist() for block in blocks(data, split) if block.drawings is not None]
            )
    assert found["val"][0] == found["val"][1]
    assert found["test"][0] == found["test"][1]
    assert found["train"][0] != found["train"][1]


def test_it_serves_any_task_of_drawings(arguments: dict[str, Any]) -> None:
    data = OmniglotBanditDataModule(CompositionalDrawingBandit(classes=6, exposures=2), **arguments)
    data.setup()
    for split in SPLITS:
        for block in blocks(data, split):
            assert block.drawings is not None
            assert block.drawings.shape == (6, 5, block.batch_size)
            assert torch.equal(data.part(split).labels[block.drawings][:, 0], block.labels)
    with pytest.raises(InputError, match=r"^classes is 10: there are only 8 characters in the split 'val' "):
        OmniglotBanditDataModule(CompositionalDrawingBandit(classes=10), **arguments)


def test_a_second_setup_changes_nothing(arguments: dict[str, Any]) -> None:
    data = ready(arguments)
    part = data.part("test")
    data.setup("test")
    assert data.part("test") is part


def without_a_drawing(source: Path, target: Path, part: str) -> None:
    """A copy of the data set that lacks the last drawing of a part."""
    folder = target / "omniglot-py"
    folder.mkdir(parents=True)
    for name in ("background", "evaluation"):
        archive = f"omniglot-py/images_{name}.zip"
        with zipfile.ZipFile(source / archive) as whole, zipfile.ZipFile(target / archive, "x") as copy:
            names = [info.filename for info in whole.infolist() if info.filename.endswith(".png")]
            for kept in names[:-1] if name == part else names:
                copy.writestr(kept, whole.read(kept))


@pytest.mark.parametrize(("part", "name"), [("background", "Faroic"), ("evaluation", "Istrian")])
def test_a_character_of_fewer_drawings_is_one_line(
    part: str, name: str, arguments: dict[str, Any], tmp_path: Path, generated_omniglot: Path
) -> None:
    without_a_drawing(generated_omniglot, tmp_path, part)
    with pytest.raises(InputError) as error:
        ready(arguments, root=str(tmp_path), cache_dir=str(tmp_path / "cache"))
    message = str(error.value)
    assert message.startswith(f"character {name}/character")
    assert "has 19 drawings: task.drawings is 20" in message


@pytest.mark.parametrize("cue", ["drawing", "barcode"])
def test_missing_data_are_one_line(
    cue: str, arguments: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets.Omniglot, "__init__", refuse)
    monkeypatch.delenv("OMNIGLOT_ROOT", raising=False)
    with pytest.raises(InputError, match="OMNIGLOT_ROOT") as error:
        ready(arguments, {"cue": cue}, root=str(tmp_path / "nothing"))
    assert "\n" not in str(error.value)


def test_generated_characters_may_replace_omniglots(arguments: dict[str, Any], tmp_path: Path) -> None:
    drawings = GeneratedDrawings(3, 9, 1, 4, drawers=4)
    changes = {"drawings": drawings, "root": None, "cache_dir": str(tmp_path), "protocol": LakeProtocol(1)}
    data = ready(arguments, {"drawings": 4}, **changes)
    assert {split: len(data.part(split).class_names) for split in SPLITS} == {"train": 6, "val": 3, "test": 4}
    assert data.part("train").labels.bincount().tolist() == [4] * 6
    assert next(data.evaluation_blocks("test")).drawings.max() < 16  # type: ignore[union-attr]


def test_hyperparameters_are_plain(arguments: dict[str, Any]) -> None:
    hparams = build(arguments).hparams
    assert hparams["task"]["init_args"]["characters"] is None
    assert hparams["protocol"]["init_args"]["validation_alphabets"] == 2
    assert hparams["environments"] == 3


@pytest.mark.parametrize(
    ("rules", "changes", "message"),
    [
        ({}, {"predict_split": "predict"}, "predict_split is 'predict': .*train, val, test"),
        ({"contexts": 9}, {}, "contexts is 9: .* 8 characters"),  # of the validation
        ({"contexts": 17}, {}, r"contexts is 17: .*\(train 16, val 8, test 12\)"),
        ({"characters": 5}, {}, "task.characters is 5: "),
        ({"barcode_seed": 1}, {}, "task.barcode_seed is 1: "),
        ({}, {"evaluation": {"noise": 0.1}}, "evaluation makes no DrawingBandit: noise is 0.1: .*cue is 'drawing'"),
        ({}, {"evaluation": {"drawings": 10}}, "evaluation.drawings is 10: "),
        ({"cue": "barcode", "bits": 4}, {}, "bits is 4: that gives 15 barcodes"),
        ({"drawings": 10}, {}, "character .* has 20 drawings: task.drawings is 10"),
        ({}, {"drawings": OmniglotDrawings()}, ".*24 classes in 6 alphabets"),
        ({}, {"image_size": 20}, "image_size is 20"),
        ({}, {"protocol": LakeProtocol(6)}, "validation_alphabets is 6: .* between 1 and 5"),
        ({}, {"environments": 0}, "environments is 0"),
    ],
    ids=str,
)
def test_bad_input_is_named(
    arguments: dict[str, Any], rules: dict[str, Any], changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=f"^{message}") as error:
        ready(arguments, rules, **changes)
    assert "\n" not in str(error.value)
