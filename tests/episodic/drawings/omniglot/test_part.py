"""Classes of a part are selected and joined."""

from pathlib import Path

import torch

from episodic.drawings.omniglot.part import join_parts, select_classes
from tests.drawing_roots import load


def test_selected_classes_are_numbered_anew(generated_omniglot: Path, tmp_path: Path) -> None:
    whole = load(generated_omniglot, tmp_path)
    some = select_classes(whole, [21, 4, 6])
    assert some.class_names == ["Borean/character01", "Borean/character03", "Faroic/character02"]
    assert some.alphabet_names == ["Borean", "Faroic"]
    assert some.alphabets.tolist() == [0, 0, 1]
    assert some.labels.tolist() == [label for label in range(3) for _ in range(20)]
    for new, old in enumerate([4, 6, 21]):
        assert torch.equal(some.images[some.labels == new], whole.images[whole.labels == old])


def test_alphabets_of_one_name_become_one(generated_omniglot: Path, tmp_path: Path) -> None:
    whole = load(generated_omniglot, tmp_path)
    one, other = select_classes(whole, range(16)), select_classes(whole, range(12, 24))
    joined = join_parts(one, other._replace(alphabet_names=[one.alphabet_names[1], "Hunnic", "X"]))
    assert joined.alphabet_names == [*one.alphabet_names, "Hunnic", "X"]
    assert joined.alphabets.bincount().tolist() == [4, 8, 4, 4, 4, 4]
    assert joined.labels.bincount().tolist() == [20] * 28
    assert torch.equal(joined.images[-240:], other.images)
