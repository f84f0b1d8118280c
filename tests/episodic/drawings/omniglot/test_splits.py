"""Drawings for training, validation and test, with added training classes."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from episodic.drawings.omniglot.composites import composite_part
from episodic.drawings.omniglot.protocols import LakeProtocol, SplitProtocol, VinyalsProtocol
from episodic.drawings.omniglot.root import holds_omniglot
from episodic.drawings.omniglot.sources import OmniglotDrawings
from episodic.drawings.omniglot.splits import DrawingSplits, OmniglotSplits, generated_part
from episodic.errors import InputError

LAKE = LakeProtocol(validation_alphabets=2)


@pytest.fixture
def arguments(generated_omniglot: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Arguments for the generated drawings; one cache for all tests."""
    cache = tmp_path_factory.getbasetemp() / "omniglot-cache"
    drawings = OmniglotDrawings(check_counts=False)
    return {"root": str(generated_omniglot), "drawings": drawings, "protocol": LAKE, "cache_dir": str(cache)}


def load(arguments: dict[str, Any], **changes: Any) -> DrawingSplits:
    return OmniglotSplits(**{**arguments, **changes}).load()


def test_every_class_has_its_drawings_and_alphabet(arguments: dict[str, Any]) -> None:
    for protocol, counts in ((LAKE, (16, 8, 12)), (VinyalsProtocol(), (24, 2, 10))):
        for part, count in zip(load(arguments, protocol=protocol), counts, strict=True):
            assert part.labels.bincount().tolist() == [20] * count
            assert [part.alphabet_names[a] for a in part.alphabets] == [name.split("/")[0] for name in part.class_names]


def test_classes_keep_their_drawings_under_either_protocol(arguments: dict[str, Any]) -> None:
    drawings = {
        name: part.images[part.labels == label]
        for part in load(arguments)
        for label, name in enumerate(part.class_names)
    }
    for part in load(arguments, protocol=VinyalsProtocol()):
        for label, name in enumerate(part.class_names):
            assert torch.equal(part.images[part.labels == label], drawings[name])


@pytest.mark.parametrize(
    "changes",
    [{}, {"protocol": LakeProtocol(2, classes=5)}, {"protocol": VinyalsProtocol()}, {"composite_classes": 3}],
    ids=str,
)
def test_classes_are_counted_without_decoding(
    arguments: dict[str, Any], changes: dict[str, Any], tmp_path: Path
) -> None:
    splits = OmniglotSplits(**{**arguments, **changes, "cache_dir": str(tmp_path)})
    counts = splits.class_counts()
    assert not list(tmp_path.iterdir())
    assert counts == {name: len(part.class_names) for name, part in splits.load()._asdict().items()}


def test_added_classes_follow_the_real_ones(arguments: dict[str, Any]) -> None:
    real = load(arguments)
    more = load(arguments, generated_classes=2, composite_classes=3)
    count, classes = len(real.train.images), len(real.train.class_names)
    generated, composites = generated_part(2, 28, seed=0), composite_part(real.train, 3, seed=0)
    assert torch.equal(more.train.images, torch.cat([real.train.images, generated.images, composites.images]))
    assert generated.images.max() == 255
    assert more.train.labels.bincount().tolist()[classes:] == [20] * 5
    assert more.train.labels[count] == classes
    assert more.train.alphabet_names[-2:] == ["generated", "composites"]
    assert torch.equal(more.val.images, real.val.images)
    assert torch.equal(more.test.images, real.test.images)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generated_classes": -1}, "generated_classes is -1: it must be 0 or more"),
        ({"composite_classes": -1}, "composite_classes is -1: it must be 0 or more"),
        ({"composite_classes": 2**63}, "composite_classes is 9223372036854775808: it must be .* at most 20000"),
        ({"cache_dir": " "}, "cache_dir is ' ': it must be the path of a folder"),
        ({"image_size": 20}, "image_size is 20: it must lie between 28 and 105"),
        ({"drawings": OmniglotDrawings()}, "24 classes in 6 alphabets"),
    ],
)
def test_bad_settings_are_named(arguments: dict[str, Any], changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        load(arguments, **changes)
    assert "\n" not in str(error.value)


REAL = os.environ.get("OMNIGLOT_ROOT", "")


@pytest.mark.slow
@pytest.mark.skipif(not (REAL and holds_omniglot(Path(REAL))), reason="OMNIGLOT_ROOT holds no Omniglot")
@pytest.mark.parametrize(
    ("protocol", "counts"), [(LakeProtocol(), [822, 142, 659]), (VinyalsProtocol(), [1100, 100, 423])]
)
def test_real_omniglot_has_the_published_numbers(protocol: SplitProtocol, counts: list[int]) -> None:
    assert list(OmniglotSplits(REAL, protocol=protocol).class_counts().values()) == counts
