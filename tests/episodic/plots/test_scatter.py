"""How classes are told apart."""

import numpy as np
import torch

from episodic.plots.scatter import LISTED, Classes


def test_listed_classes_differ_in_colour_or_marker() -> None:
    classes = Classes("label", torch.arange(LISTED).repeat(2))
    assert len(set(zip(classes.palette, classes.markers, strict=True))) == LISTED
    assert classes.index.tolist() == [*range(LISTED)] * 2


def test_many_classes_have_a_colour_each_on_a_scale() -> None:
    classes = Classes("label", torch.arange(LISTED + 1))
    assert not classes.listed
    assert len(set(classes.palette)) == LISTED + 1
    assert len(np.unique(classes.markers)) == 1


def test_an_unknown_class_is_named_so() -> None:
    assert Classes("best arm", torch.tensor([3, -1, 3])).names == ["unknown", "3"]
