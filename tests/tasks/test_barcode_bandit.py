"""The barcode bandit: the same barcode whenever a context comes back."""

from typing import Any

import pytest
import torch

from errors import InputError
from tasks.barcode_bandit import BarcodeBandit
from tasks.blocks import BlockSpec


def codes_of_contexts(spec: BlockSpec, row: int) -> dict[int, set[tuple[float, ...]]]:
    codes: dict[int, set[tuple[float, ...]]] = {}
    for episode in range(spec.episodes):
        code = tuple(spec.cues[episode, row].tolist())
        codes.setdefault(int(spec.contexts[episode, row]), set()).add(code)
    return codes


@pytest.mark.parametrize(("contexts", "bits"), [(7, 3), (10, 10), (12, 40)])
def test_each_context_has_one_barcode_of_its_own(contexts: int, bits: int) -> None:
    task = BarcodeBandit(arms=3, contexts=contexts, exposures=4, bits=bits)
    spec = task.draw_block(5, seed=1)
    assert spec.cues.shape == (4 * contexts, 5, bits)
    assert task.cue_size == bits
    for row in range(5):
        codes = codes_of_contexts(spec, row)
        assert all(len(met) == 1 for met in codes.values())
        assert len(set.union(*codes.values())) == contexts
        assert (0.0,) * bits not in set.union(*codes.values())


def test_blocks_and_environments_have_barcodes_of_their_own() -> None:
    task = BarcodeBandit(bits=20)
    one, other = task.draw_block(2, seed=1), task.draw_block(2, seed=2)
    assert codes_of_contexts(one, 0) != codes_of_contexts(one, 1)
    assert codes_of_contexts(one, 0) != codes_of_contexts(other, 0)


def test_the_barcode_says_nothing_about_the_best_arm() -> None:
    # One bit, one of two contexts' arms: over many environments they have to be unrelated.
    spec = BarcodeBandit(arms=2, contexts=2, exposures=1, bits=2).draw_block(4000, seed=0)
    bit = spec.cues[0, :, 0]
    best = spec.arms(0).argmax(dim=1).float()
    correlation = torch.corrcoef(torch.stack([bit, best]))[0, 1]
    assert abs(correlation.item()) < 5 / 4000**0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"contexts": 8, "bits": 3, "arms": 2}, "^bits is 3: that gives 7 barcodes .* 8 contexts"),
        ({"bits": 0}, "^bits is 0: "),
        ({"bits": 63}, "^bits is 63: "),
        ({"contexts": 5}, "^arms is 10 with contexts 5"),
        ({"best": 1.2}, "^best is 1.2"),
        ({"best": 0.1, "rest": 0.2}, "^best is 0.1"),
        ({"pulls": 0}, "^pulls is 0"),
    ],
    ids=str,
)
def test_bad_input_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        BarcodeBandit(**arguments)
    assert "\n" not in str(error.value)
