"""The rules that all bandits share."""

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.errors import InputError
from episodic.tasks.bandit import Bandit
from episodic.tasks.blocks import BlockSpec


class PlainBandit(Bandit):
    """A bandit whose cue is the context's number."""

    @property
    def cue_size(self) -> int:
        return 1

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        return contexts.unsqueeze(-1).float()


class NamedBandit(PlainBandit):
    """A bandit whose contexts have names: odd numbers, in an order drawn anew for each environment."""

    @property
    def label_count(self) -> int:
        return 2 * self.contexts

    def draw_identities(self, batch: int, generator: torch.Generator) -> Tensor:
        return 2 * torch.rand(batch, self.contexts, generator=generator).argsort(dim=1) + 1

    def draw_cues(self, contexts: Tensor, identities: Tensor, generator: torch.Generator) -> Tensor:
        return torch.stack([contexts, identities.T[contexts, torch.arange(contexts.shape[1])]], dim=-1).float()


def draw(batch: int = 6, seed: int = 0, **options: Any) -> BlockSpec:
    return PlainBandit(**options).draw_block(batch, seed)


@pytest.mark.parametrize(("contexts", "exposures"), [(4, 3), (7, 1), (10, 10)])
def test_each_context_is_met_as_often_as_said(contexts: int, exposures: int) -> None:
    spec = draw(arms=3, contexts=contexts, exposures=exposures)
    assert spec.episodes == contexts * exposures == PlainBandit(3, contexts, exposures).episodes
    for row in range(spec.batch_size):
        met: Counter[int] = Counter()
        for episode in range(spec.episodes):
            context = int(spec.rules.contexts[episode, row])
            met[context] += 1
            assert spec.exposures[episode, row] == met[context]
        assert met == dict.fromkeys(range(contexts), exposures)


def test_labels_and_cues_are_those_of_the_contexts() -> None:
    spec = draw()
    assert torch.equal(spec.labels, spec.rules.contexts)
    assert torch.equal(spec.cues[..., 0].long(), spec.rules.contexts)
    assert PlainBandit(contexts=12).label_count == 12


def test_identities_are_the_labels_and_what_cues_are_drawn_for() -> None:
    spec = NamedBandit().draw_block(6, seed=0)
    assert torch.equal(spec.cues[..., 0].long(), spec.rules.contexts)
    assert torch.equal(spec.cues[..., 1].long(), spec.labels)
    for row in range(6):
        names = set(zip(spec.rules.contexts[:, row].tolist(), spec.labels[:, row].tolist(), strict=True))
        assert len(names) == 10
        assert {name for _, name in names} == set(range(1, 20, 2))


def test_identities_take_nothing_from_the_order_and_the_arms() -> None:
    plain, named = draw(), NamedBandit().draw_block(6, seed=0)
    assert torch.equal(plain.rules.contexts, named.rules.contexts)
    assert torch.equal(plain.rules.probabilities, named.rules.probabilities)


def test_without_names_nothing_is_drawn_for_them() -> None:
    generator = torch.Generator().manual_seed(3)
    before = generator.get_state()
    assert PlainBandit(contexts=12).draw_identities(2, generator).tolist() == [list(range(12))] * 2
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("concentration", [0.1, 1.0, 1e6])
def test_an_urns_block_is_as_long_as_a_bags(concentration: float) -> None:
    spec = draw(batch=200, arms=3, contexts=4, exposures=5, order="urn", concentration=concentration)
    assert spec.episodes == 20
    assert spec.rules.contexts.min() == 0
    assert spec.rules.contexts.max() == 3
    assert spec.exposures.max() > 5
    assert spec.rules.probabilities.shape == (200, 4, 3)
    for row in range(200):
        met: Counter[int] = Counter()
        for context, exposure in zip(
            spec.rules.contexts[:, row].tolist(), spec.exposures[:, row].tolist(), strict=True
        ):
            met[context] += 1
            assert exposure == met[context]


def test_the_smaller_the_concentration_the_fewer_contexts_occur() -> None:
    occurring = []
    for concentration in (1e-6, 1.0, 1e6):
        spec = draw(batch=500, order="urn", concentration=concentration)
        occurring.append(sum(len(set(row)) for row in spec.rules.contexts.T.tolist()) / 500)
    expected = sum(1 / (1 + n) for n in range(100))  # draws from the base; ten contexts share them
    assert occurring[0] == 1
    assert 3 < occurring[1] < min(expected, 10)
    assert occurring[2] > 9.9


def test_an_urns_block_is_a_function_of_its_seed() -> None:
    one, other = draw(order="urn", seed=1), draw(order="urn", seed=1)
    assert torch.equal(one.rules.contexts, other.rules.contexts)
    assert not torch.equal(one.rules.contexts, draw(order="urn", seed=2).rules.contexts)


def test_the_order_of_a_bag_does_not_depend_on_the_concentration() -> None:
    assert torch.equal(draw().rules.contexts, draw(concentration=3.0).rules.contexts)


@pytest.mark.parametrize("value", [0.0, -1.0, float("inf"), float("nan")])
def test_a_bad_concentration_is_named(value: float) -> None:
    with pytest.raises(InputError, match=f"^concentration is {value}: "):
        PlainBandit(order="urn", concentration=value)


def test_an_unknown_order_is_named() -> None:
    with pytest.raises(InputError, match=r"^order is 'queue': .*bag, urn$"):
        PlainBandit(order="queue")


@pytest.mark.parametrize("every_arm_best", [True, False])
def test_one_arm_of_each_context_is_the_best(every_arm_best: bool) -> None:
    spec = draw(arms=5, contexts=6, best=0.7, rest=0.2, every_arm_best=every_arm_best)
    rows = spec.rules.probabilities.sort(dim=-1).values
    torch.testing.assert_close(rows, torch.tensor([0.2, 0.2, 0.2, 0.2, 0.7]).expand_as(rows))


@pytest.mark.parametrize(("arms", "contexts"), [(10, 10), (4, 4), (4, 9), (1, 3)])
def test_every_arm_is_best_somewhere(arms: int, contexts: int) -> None:
    spec = draw(batch=40, arms=arms, contexts=contexts)
    for best in spec.rules.probabilities.argmax(dim=-1).tolist():
        assert set(best) == set(range(arms))


def test_without_it_some_arm_is_best_nowhere() -> None:
    spec = draw(batch=40, arms=4, contexts=4, every_arm_best=False)
    assert any(len(set(best)) < 4 for best in spec.rules.probabilities.argmax(dim=-1).tolist())


@pytest.mark.parametrize("every_arm_best", [True, False])
def test_every_arm_is_equally_often_the_best_of_each_context(every_arm_best: bool) -> None:
    spec = draw(batch=4000, arms=4, contexts=5, exposures=1, every_arm_best=every_arm_best)
    best = spec.rules.probabilities.argmax(dim=-1)
    for context in range(5):
        counts = torch.bincount(best[:, context], minlength=4)
        assert (counts - 1000).abs().max() < 5 * 750**0.5


@pytest.mark.parametrize("every_arm_best", [True, False])
def test_only_the_first_arms_may_be_the_best(every_arm_best: bool) -> None:
    spec = draw(batch=4000, arms=5, contexts=4, exposures=1, best_arms=3, every_arm_best=every_arm_best)
    best = spec.rules.probabilities.argmax(dim=-1)
    counts = torch.bincount(best.flatten(), minlength=5)
    assert counts[3:].tolist() == [0, 0]
    assert (counts[:3] - 16000 / 3).abs().max() < 5 * 60  # of independent draws the deviation is 60
    assert every_arm_best == all(set(row) == {0, 1, 2} for row in best.tolist())


def test_all_arms_may_be_the_best_unless_it_is_said() -> None:
    assert torch.equal(draw(best_arms=10).rules.probabilities, draw().rules.probabilities)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"best_arms": 0}, "^best_arms is 0: .*number of arms, 10$"),
        ({"best_arms": 11}, "^best_arms is 11: "),
        ({"best_arms": 5, "contexts": 4}, "^best_arms is 5 with contexts 4: .*best_arms <= contexts"),
    ],
    ids=str,
)
def test_bad_numbers_of_best_arms_are_named(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        PlainBandit(**options)


def test_any_two_contexts_may_share_their_best_arm() -> None:
    best = draw(batch=3000, arms=2, contexts=3, exposures=1).rules.probabilities.argmax(dim=-1)
    for one, other in ((0, 1), (0, 2), (1, 2)):
        shared = (best[:, one] == best[:, other]).float().mean().item()
        assert shared == pytest.approx(1 / 3, abs=5 * (2 / 9 / 3000) ** 0.5)


def test_fewer_contexts_than_arms_are_fine_where_not_every_arm_is_best() -> None:
    spec = draw(arms=8, contexts=2, every_arm_best=False)
    assert spec.rules.probabilities.shape == (6, 2, 8)


def test_luck_is_uniform_and_its_own_for_each_pull() -> None:
    task = PlainBandit(pulls=7)
    luck = task.luck(task.draw_block(6, seed=3))
    assert luck.shape == (100, 7, 6)
    assert luck.unique().numel() > 0.99 * luck.numel()
    assert abs(luck.mean().item() - 0.5) < 5 / (12 * luck.numel()) ** 0.5
    assert 0.0 <= luck.min() <= luck.max() < 1.0


@pytest.mark.parametrize("name", ["arms", "contexts", "exposures", "pulls"])
@pytest.mark.parametrize("value", [0, -2])
def test_bad_sizes_are_named(name: str, value: int) -> None:
    numbers: dict[str, Any] = {name: value}
    with pytest.raises(InputError, match=f"^{name} is {value}: "):
        PlainBandit(**numbers)


@pytest.mark.parametrize(("name", "value"), [("best", 1.1), ("best", -0.1), ("rest", -0.1), ("rest", 1.1)])
def test_probabilities_outside_the_unit_interval_are_named(name: str, value: float) -> None:
    numbers: dict[str, Any] = {"best": 0.9, "rest": 0.1, name: value}
    with pytest.raises(InputError, match=f"^{name} is {value}: "):
        PlainBandit(**numbers)


@pytest.mark.parametrize(("best", "rest"), [(0.5, 0.5), (0.1, 0.9)])
def test_the_best_arm_has_to_be_better(best: float, rest: float) -> None:
    with pytest.raises(InputError, match=f"^best is {best}: .* rest, {rest}"):
        PlainBandit(best=best, rest=rest)


def test_more_arms_than_contexts_cannot_all_be_best() -> None:
    with pytest.raises(InputError, match=r"^arms is 10 with contexts 9: .*every_arm_best"):
        PlainBandit(contexts=9)


def test_sure_rewards_are_allowed() -> None:
    spec = draw(best=1.0, rest=0.0)
    assert spec.rules.probabilities.unique().tolist() == [0.0, 1.0]
