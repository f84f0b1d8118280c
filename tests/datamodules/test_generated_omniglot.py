"""The data module of generated characters: made once, whole or not at all, and then as with Omniglot."""

import inspect
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from cli import main
from datamodules import generated_omniglot
from datamodules.generated_omniglot import GeneratedOmniglotDataModule
from datamodules.omniglot import OmniglotDataModule
from episodic.drawings.generated import generate_omniglot
from episodic.drawings.omniglot_files import OFFICIAL, VARIABLE
from episodic.errors import InputError
from tests.tiny import CPU, PROJECT

FEW: dict[str, Any] = {
    "background_alphabets": 3,
    "background_characters": 7,
    "evaluation_alphabets": 2,
    "evaluation_characters": 4,
    "drawings": 4,
    "validation_alphabets": 1,
    "batch_size": 8,
}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No data set in reach, and no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nothing"))
    monkeypatch.setattr("episodic.drawings.omniglot_files._download", lambda root: pytest.fail("asked for a download"))


@pytest.fixture
def no_generating(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes generating an error, once it is called."""

    def forbid() -> None:
        monkeypatch.setattr(generated_omniglot, "generate_omniglot", lambda *_, **__: pytest.fail("generated again"))

    return forbid


def ready(cache: Path, **changes: Any) -> GeneratedOmniglotDataModule:
    data = GeneratedOmniglotDataModule(**{**FEW, "cache_dir": str(cache), **changes})
    data.prepare_data()
    data.setup()
    return data


def test_it_holds_what_is_asked_for(tmp_path: Path) -> None:
    data = ready(tmp_path)
    parts = (data.train, data.val, data.test)
    assert sorted(name for part in parts for name in part.alphabet_names) == [
        *("background01", "background02", "background03"),
        *("evaluation01", "evaluation02"),
    ]
    assert len(data.train.class_names) + len(data.val.class_names) == 7
    assert data.test.class_names == [f"evaluation0{n}/character0{m}" for n in (1, 2) for m in (1, 2)]
    for part in parts:
        assert part.labels.bincount().tolist() == [4] * len(part.class_names)
    images, labels = next(iter(data.train_dataloader()))
    assert (images.shape, labels.shape) == ((8, 1, 28, 28), (8,))


def test_it_is_as_large_as_omniglot_by_default(tmp_path: Path) -> None:
    data = GeneratedOmniglotDataModule(cache_dir=str(tmp_path))
    for part, alphabets in (("background", data.background), ("evaluation", data.evaluation)):
        official = OFFICIAL[part]
        assert (len(alphabets), sum(alphabets.values())) == (official.alphabets, official.classes)
        assert max(alphabets.values()) - min(alphabets.values()) <= 1
        assert data.drawings == official.drawings
    assert not list(tmp_path.iterdir())  # nothing is made before it is asked for


def test_it_is_generated_once(tmp_path: Path, no_generating: Any) -> None:
    first = GeneratedOmniglotDataModule(**FEW, cache_dir=str(tmp_path))
    classes = first.train_classes  # asked for by the model, before anything is prepared
    no_generating()
    second = ready(tmp_path)
    assert len(second.train.class_names) == classes == second.train_classes
    assert not list(tmp_path.glob("*.tmp"))


@pytest.mark.parametrize("rotations", [False, True])
def test_classes_are_counted_before_and_after_setup(tmp_path: Path, rotations: bool) -> None:
    data = GeneratedOmniglotDataModule(**FEW, cache_dir=str(tmp_path), rotations=rotations)
    before = data.sizes
    data.prepare_data()
    data.setup("fit")
    assert before == data.sizes
    assert before["classes"] == len(data.train.class_names) * (4 if rotations else 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"drawing_seed": 1},
        {"drawings": 5},
        {"background_characters": 8},
        {"evaluation_characters": 5},
        {"background_alphabets": 4},
        {"evaluation_alphabets": 3},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_other_numbers_are_another_data_set(tmp_path: Path, changes: dict[str, int]) -> None:
    roots = [GeneratedOmniglotDataModule(**{**FEW, **more, "cache_dir": str(tmp_path)}).root for more in ({}, changes)]
    assert roots[0] != roots[1]


def test_another_seed_draws_other_characters_and_the_same_one_the_same(tmp_path: Path) -> None:
    one, again, other = (
        ready(tmp_path / name, drawing_seed=seed).test.images for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_what_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []

    def interrupted(archive: Any, *rest: Any) -> None:
        written.append(archive.filename)
        raise KeyboardInterrupt

    monkeypatch.setattr("episodic.drawings.generated._write_alphabet", interrupted)
    with pytest.raises(KeyboardInterrupt):
        GeneratedOmniglotDataModule(**FEW, cache_dir=str(tmp_path)).prepare_data()
    assert written  # it had begun
    assert not list(tmp_path.iterdir())


def test_one_of_two_at_once_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    generate = generate_omniglot

    def overtaken(root: Path, *rest: Any, **options: Any) -> None:
        monkeypatch.setattr(generated_omniglot, "generate_omniglot", generate)
        ready(tmp_path)  # another process, meanwhile
        generate(root, *rest, **options)

    monkeypatch.setattr(generated_omniglot, "generate_omniglot", overtaken)
    assert len(ready(tmp_path).test.class_names) == 4
    folders = [path for path in tmp_path.iterdir() if path.is_dir()]
    assert len(folders) == 1


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    data = GeneratedOmniglotDataModule(**FEW, cache_dir=str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"^generated drawings cannot be kept in .*file .*--data\.cache_dir") as error:
        data.prepare_data()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"background_alphabets": 0}, "background_alphabets is 0: it has to be greater than 0"),
        ({"evaluation_characters": 1}, "evaluation_characters is 1: it has to be at least evaluation_alphabets, 2"),
        ({"drawings": 0}, "drawings is 0: it has to be greater than 0"),
        ({"drawing_seed": -1}, "drawing_seed is -1: it has to be at least 0"),
        ({"image_size": 5}, "image_size is 5: it has to lie between 28 and 105"),
    ],
)
def test_bad_numbers_are_refused(changes: dict[str, int], complaint: str) -> None:
    with pytest.raises(InputError) as error:
        GeneratedOmniglotDataModule(**{**FEW, **changes})
    assert str(error.value) == complaint


def test_it_has_omniglots_arguments() -> None:
    own, omniglots = (
        inspect.signature(module).parameters for module in (GeneratedOmniglotDataModule, OmniglotDataModule)
    )
    assert set(omniglots) - set(own) == {"root", "check_counts", "generated_classes"}
    for name in set(omniglots) & set(own):
        assert (own[name].default, own[name].annotation) == (omniglots[name].default, omniglots[name].annotation), name


def test_a_shipped_config_trains_on_it(tmp_path: Path) -> None:
    numbers = {**FEW, "background_characters": 12, "cache_dir": tmp_path / "cache"}
    data = ["--data", "GeneratedOmniglotDataModule"]
    data += [part for name, number in numbers.items() for part in (f"--data.{name}", str(number))]
    model = ["--model.network.embedding_size", "8", "--model.network.channels", "4", "--model.few_shot_episodes", "5"]
    place = ["--run.root", str(tmp_path / "runs"), "--trainer.max_epochs", "1", *CPU]
    config = ["--config", str(PROJECT / "configs" / "omniglot_encoder.yaml")]
    assert main(["fit", *config, *data, *model, *place]) == 0
    run = tmp_path / "runs" / "omniglot_encoder" / "version_0"
    assert (run / "checkpoints" / "best.ckpt").is_file()
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    assert (run / "metrics.json").is_file()
    assert sorted(os.listdir(tmp_path)) == ["cache", "runs"]
