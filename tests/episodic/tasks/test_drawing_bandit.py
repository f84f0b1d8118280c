"""The Omniglot bandit's task: which drawings a block shows, and the characters' barcodes."""

import itertools
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.barcodes.noise import flip_bits
from episodic.tasks.blocks import BlockSpec
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.drawing_task import character_barcodes
from tests.blocks import tensors

BATCH = 5


def build(**options: Any) -> DrawingBandit:
    """Three characters a block out of seven, with five drawings each."""
    small = {"arms": 2, "contexts": 3, "exposures": 4, "pulls": 2, "characters": 7, "drawings": 5, "pixels": 9}
    return DrawingBandit(**{**small, **options})


def draw(seed: int = 0, **options: Any) -> BlockSpec:
    return build(**options).draw_block(BATCH, seed)


def met(spec: BlockSpec, row: int) -> dict[int, list[int]]:
    """The drawings of each context of an environment, in the order that they are met."""
    assert spec.drawings is not None
    found: dict[int, list[int]] = defaultdict(list)
    for episode in range(spec.episodes):
        found[int(spec.rules.contexts[episode, row])].append(int(spec.drawings[episode, row]))
    return found


def same(one: BlockSpec, other: BlockSpec) -> bool:
    pairs = zip(tensors(one).values(), tensors(other).values(), strict=True)
    return all(torch.equal(*pair) for pair in pairs) and one.seed == other.seed


def drawn(spec: BlockSpec) -> list[Any]:
    assert spec.drawings is not None
    found: list[Any] = spec.drawings.tolist()
    return found


@pytest.mark.parametrize("order", ["bag", "urn"])
def test_a_drawing_is_one_of_its_labels_character(order: str) -> None:
    spec = draw(order=order)
    assert spec.drawings is not None
    assert spec.drawings.shape == spec.labels.shape == (12, BATCH)
    assert spec.drawings.dtype == torch.long
    assert torch.equal(spec.drawings // 5, spec.labels)
    assert spec.cues.shape == (12, BATCH, 0)


def test_a_label_is_a_character_and_a_context_has_one() -> None:
    spec = draw(contexts=7)
    for row in range(BATCH):
        pairs = set(zip(spec.rules.contexts[:, row].tolist(), spec.labels[:, row].tolist(), strict=True))
        assert len(pairs) == 7
        assert {label for _, label in pairs} == set(range(7))
    few = draw()
    assert len({tuple(sorted(set(few.labels[:, row].tolist()))) for row in range(BATCH)}) > 1


def test_all_characters_and_all_drawings_are_equally_likely() -> None:
    spec = build(exposures=1).draw_block(7000, seed=3)
    assert spec.drawings is not None
    for numbers, kinds in ((spec.labels[0], 7), (spec.drawings[0], 35)):
        counts = numbers.bincount(minlength=kinds)
        assert (counts - 7000 / kinds).abs().max() < 5 * (7000 / kinds) ** 0.5


@pytest.mark.parametrize("exposures", [1, 4, 5])
def test_no_drawing_is_met_twice_in_a_block(exposures: int) -> None:
    spec = draw(exposures=exposures)
    for row in range(BATCH):
        for drawings in met(spec, row).values():
            assert len(set(drawings)) == len(drawings) == exposures


def test_contexts_and_environments_have_orders_of_their_own() -> None:
    spec = draw(exposures=5)
    orders = {
        tuple(drawing % 5 for drawing in drawings) for row in range(BATCH) for drawings in met(spec, row).values()
    }
    assert len(orders) > 8  # of 15, out of the 120 that there are


def test_an_urn_goes_through_the_drawings_over_and_over() -> None:
    spec = draw(order="urn", exposures=10, concentration=0.1)
    longest = 0
    for row in range(BATCH):
        for drawings in met(spec, row).values():
            longest = max(longest, len(drawings))
            assert len(set(drawings[:5])) == len(drawings[:5])
            assert drawings == [drawings[place % 5] for place in range(len(drawings))]
    assert longest > 10, "else nothing was gone through twice"


def test_a_block_is_a_function_of_its_seed_alone() -> None:
    one = draw(seed=4)
    torch.manual_seed(1)
    again = draw(seed=4)
    assert same(one, again)
    assert drawn(one) == drawn(again)
    assert drawn(one) != drawn(draw(seed=5))
    before = torch.get_rng_state()
    draw(seed=4)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_barcodes_are_a_matter_of_the_cues_alone(noise: float) -> None:
    shown, coded = draw(seed=4), draw(seed=4, cue="barcode", bits=10, noise=noise)
    assert coded.drawings is None
    assert coded.cues.shape == (12, BATCH, 10)
    assert same(shown._replace(cues=coded.cues, drawings=None), coded)
    assert torch.equal(build().luck(shown), build().luck(coded))


def test_a_character_has_the_same_barcode_in_every_block() -> None:
    task = build(cue="barcode", bits=10)
    codes = task.codes()
    for seed in range(4):
        spec = task.draw_block(BATCH, seed)
        assert torch.equal(spec.cues, codes[spec.labels])
    assert torch.equal(codes, build(cue="barcode", bits=10, contexts=5, exposures=2).codes())
    assert not torch.equal(codes, build(cue="barcode", bits=10, barcode_seed=1).codes())


def test_barcodes_differ_in_so_many_bits_at_least() -> None:
    codes = build(cue="barcode", characters=40, bits=20, distance=6).codes()
    assert codes.shape == (40, 20)
    assert min(int((one != other).sum()) for one, other in itertools.combinations(codes, 2)) >= 6


def test_barcodes_of_the_defaults_are_far_apart() -> None:
    codes = DrawingBandit(cue="barcode", characters=964).codes()
    assert codes.shape == (964, 32)
    assert (torch.cdist(codes, codes, p=1) + 32 * torch.eye(964)).min() == 4


def test_barcodes_are_made_once() -> None:
    assert character_barcodes(7, 8, 4, 0) is character_barcodes(7, 8, 4, 0)


@pytest.mark.parametrize("noise", [0.1, 0.25, 0.5, 1.0])
def test_noise_flips_so_many_bits(noise: float) -> None:
    clean, noisy = (draw(seed=2, cue="barcode", bits=16, noise=fraction) for fraction in (0.0, noise))
    assert same(clean._replace(cues=noisy.cues), noisy)
    assert (clean.cues != noisy.cues).sum(dim=-1).unique().tolist() == [round(noise * 16)]


def test_noise_is_drawn_afresh_for_each_episode_by_a_stream_of_its_own() -> None:
    clean, noisy = (draw(seed=2, cue="barcode", bits=16, noise=fraction) for fraction in (0.0, 0.25))
    state = np.random.SeedSequence([2, 3]).generate_state(1, np.uint64)[0]
    generator = torch.Generator().manual_seed(int(state >> np.uint64(1)))
    assert torch.equal(noisy.cues, flip_bits(clean.cues, 0.25, "random", generator))
    flips = (clean.cues != noisy.cues).flatten(0, 1).tolist()
    assert len(set(map(tuple, flips))) > 50  # of 60, out of 1820


def test_what_a_model_has_to_know() -> None:
    task = build()
    assert (task.cue_size, task.label_count, task.fixed_labels, task.shows_drawings) == (9, 7, True, True)
    coded = build(cue="barcode", bits=10, labels=11)
    assert (coded.cue_size, coded.label_count, coded.fixed_labels, coded.shows_drawings) == (10, 11, True, False)
    paper = DrawingBandit(characters=964)
    assert (paper.cue_size, paper.label_count, paper.episodes) == (784, 964, 100)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"characters": 0}, "^characters is 0: "),
        ({"drawings": 0}, "^drawings is 0: "),
        ({"pixels": 0}, "^pixels is 0: "),
        ({"cue": "sound"}, "^cue is 'sound': .*drawing, barcode$"),
        ({"contexts": 8}, "^contexts is 8: .* 7 characters$"),
        ({"exposures": 6}, "^exposures is 6: .* there are 5$"),
        ({"noise": 0.1}, "^noise is 0.1: .*cue is 'drawing'$"),
        ({"noise": -0.1, "cue": "barcode"}, "^noise is -0.1: "),
        ({"noise": float("nan"), "cue": "barcode"}, "^noise is nan: "),
        ({"bits": 2, "cue": "barcode"}, "^bits is 2: .* 3 barcodes .* 7 characters"),
        ({"bits": 0, "cue": "barcode"}, "^bits is 0: "),
        ({"bits": 63, "cue": "barcode"}, "^bits is 63: "),
        ({"distance": 0, "cue": "barcode"}, "^distance is 0: "),
        ({"distance": 9, "bits": 8, "cue": "barcode"}, "^distance is 9: only .* of 7 barcodes of 8 bits"),
        ({"barcode_seed": -1, "cue": "barcode"}, "^barcode_seed is -1: "),
        ({"labels": 6}, "^labels is 6: "),
        ({"arms": 4}, "^arms is 4 with contexts 3"),
        ({"pulls": 0}, "^pulls is 0"),
        ({"best": 0.1}, "^best is 0.1"),
    ],
    ids=str,
)
def test_bad_input_is_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        build(**options)
    assert "\n" not in str(error.value)


def test_the_table_may_follow_later() -> None:
    rules = build(characters=None, cue="barcode", bits=10)
    assert rules.on(characters=7, pixels=9) == build(cue="barcode", bits=10)
    other = rules.on(characters=5, pixels=16, labels=8, barcode_seed=3)
    assert (other.table_size, other.pixels, other.label_count, other.barcode_seed) == (5, 16, 8, 3)
    assert torch.equal(other.codes(), character_barcodes(5, 10, 4, 3))
    with pytest.raises(InputError, match=r"^contexts is 3: .* 2 characters"):
        rules.on(characters=2, pixels=9)


@pytest.mark.parametrize("use", [lambda task: task.sizes, lambda task: task.draw_block(2, 0)])
def test_a_block_needs_a_table(use: Callable[[DrawingBandit], object]) -> None:
    with pytest.raises(InputError, match=r"^characters is None: "):
        use(build(characters=None))


def test_what_is_not_used_is_not_asked_for() -> None:
    build(bits=1, distance=3)  # no barcodes are drawn
    build(cue="barcode", bits=10, exposures=9)  # no drawings are met
    assert draw(order="urn", exposures=9).episodes == 27
