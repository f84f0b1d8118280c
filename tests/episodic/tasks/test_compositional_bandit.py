"""The compositional bandit: classes in new pairs, attention, and the Bayes player."""

import math
from typing import Any

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.compositional import FAMILIARITY, CompositionalBandit


@pytest.mark.parametrize("stored", ["both", "queried"])
def test_a_block_pairs_good_and_bad_classes(stored: str) -> None:
    task = CompositionalBandit(classes=12, exposures=4, stored=stored)
    spec = task.draw_block(5, seed=0)
    rules = spec.rules
    assert spec.episodes == 24
    for b in range(5):
        seen: dict[int, int] = {}
        kept: dict[int, int] = {}  # episodes that have stored the class
        for e in range(24):
            pair, good = rules.classes[e, b].tolist(), int(rules.good[e, b])
            assert pair[good] < 6 <= pair[1 - good]
            queried = pair[int(rules.attended[e, 0, b])]
            assert spec.labels[e, b] == queried
            assert spec.exposures[e, b] == 1 + kept.get(queried, 0)
            assert rules.earlier[e, b].tolist() == [seen.get(c, 0) for c in pair]
            familiar = (seen.get(pair[good], 0) > 0, seen.get(pair[1 - good], 0) > 0)
            expected = {(False, False): "new", (True, False): "good_familiar", (False, True): "bad_familiar"}
            assert FAMILIARITY[rules.familiar[e, b]] == expected.get(familiar, "familiar")
            for c in pair:
                seen[c] = seen.get(c, 0) + 1
            for c in pair if stored == "both" else [queried]:
                kept[c] = kept.get(c, 0) + 1
        assert seen == dict.fromkeys(range(12), 4)


def test_stored_cues_are_those_that_were_attended_to() -> None:
    both = CompositionalBandit(classes=12, exposures=2, switch=0.5)
    spec = both.draw_block(20, seed=1)
    attended = spec.rules.attended
    assert spec.keys is not None
    assert spec.queries is not None
    assert spec.key_labels is not None
    assert (attended[:, -1] != attended[:, -2]).all()
    assert 0.4 < float((attended[:, 1:-1] != attended[:, :-2]).float().mean()) < 0.6
    assert torch.equal(spec.queries[:, 0], spec.cues[:, 0])
    assert torch.equal(spec.keys[:, :, :, 0], spec.cues[:, -2:])
    for e, b in ((0, 0), (7, 3), (11, 19)):
        classes = spec.rules.classes[e, b]
        assert spec.key_labels[e, :, b, 0].tolist() == [int(classes[attended[e, t, b]]) for t in (3, 4)]
        codes = {int(c): spec.cues[e, t, b] for t in range(5) for c in [classes[attended[e, t, b]]]}
        assert all(torch.equal(spec.cues[e, t, b], codes[int(classes[attended[e, t, b]])]) for t in range(5))
    queried = CompositionalBandit(classes=12, exposures=2, stored="queried").draw_block(20, seed=1)
    assert (queried.rules.attended == queried.rules.attended[:, :1]).all()
    assert queried.keys is not None
    assert torch.equal(queried.keys[:, 0, :, 0], queried.cues[:, 0])


def test_actions_are_relative_to_the_attended_cue() -> None:
    task = CompositionalBandit(classes=4, exposures=2)
    spec = task.draw_block(30, seed=2)
    luck, observation = task.luck(spec), torch.zeros(6, 30, 1)
    episode = task.begin(spec, 1, luck[1], observation)
    actions = torch.randint(2, (5, 30), generator=torch.Generator().manual_seed(0))
    regret = torch.zeros(30)
    for t in range(5):
        reward = torch.full((30, 1), -1.0)
        episode.step(t, actions[t].unsqueeze(1), reward)
        for b in range(30):
            attended = int(spec.rules.attended[1, t, b])
            position = attended if actions[t, b] == 0 else 1 - attended
            good = position == spec.rules.good[1, b]
            assert reward[b] == float(luck[1, t, b] < (0.9 if good else 0.1))
            regret[b] += 0.0 if good else 0.8
            switched = t > 0 and attended != spec.rules.attended[1, t - 1, b]
            assert observation[t, b, 0] == float(switched)
    measures = episode.measures(actions)
    torch.testing.assert_close(measures["regret"].sum(dim=0), regret)
    parts = torch.stack([measures[f"regret_{name}"] for name in FAMILIARITY])
    assert (parts.isnan().sum(dim=0) == 3).all()
    torch.testing.assert_close(parts.nansum(dim=0).sum(dim=0), regret)


@pytest.mark.parametrize("options", [{}, {"best": 0.7, "rest": 0.4, "pulls": 3}])
@pytest.mark.parametrize("stored", ["both", "queried"])
def test_the_bayes_player_equals_a_plain_loop(stored: str, options: dict[str, Any]) -> None:
    task = CompositionalBandit(classes=6, exposures=4, stored=stored, **options)
    spec = task.draw_block(20, seed=0)
    rewards, luck = task.ideal_rewards(spec), task.luck(spec)
    for b in range(20):
        record = dict.fromkeys(range(6), 0.0)  # log odds that a class is good
        for e in range(spec.episodes):
            attended = int(spec.rules.attended[e, 0, b])
            queried, other = (int(spec.rules.classes[e, b, p]) for p in (attended, 1 - attended))
            odds = record[queried]
            for t in range(task.pulls):
                tied = abs(odds) < 1e-6
                pull = queried if (float(1024 * luck[e, t, b]) % 1 < 0.5 if tied else odds > 0) else other
                p = task.best if pull < 3 else task.rest
                reward = bool(luck[e, t, b] < p)
                assert rewards[e, t, b] == float(reward), (b, e, t)
                ratio = task.best / task.rest if reward else (1 - task.best) / (1 - task.rest)
                odds += math.log(ratio) if pull == queried else -math.log(ratio)
            record[queried] = odds
            if stored == "both":
                record[other] -= odds


@pytest.mark.parametrize(("stored", "level"), [("both", 4.373), ("queried", 4.259)])
def test_reference_levels_of_the_standard_task(stored: str, level: float) -> None:
    task = CompositionalBandit(stored=stored)
    spec = task.draw_block(32, seed=0)
    assert float(task.ideal_rewards(spec).sum(dim=1).mean()) == pytest.approx(level, abs=0.03)
    assert float(task.ideal_rewards(spec, memory=False).sum(dim=1).mean()) == pytest.approx(3.895, abs=0.03)
    assert task.chance == 2.5


def test_labels_are_numbers_of_the_vocabulary() -> None:
    task = CompositionalBandit(classes=6, exposures=2, vocabulary=30)
    one, other = (task.draw_block(40, seed) for seed in (0, 1))
    assert task.fixed_labels
    label = int(one.labels[0, 0])
    assert torch.equal(one.cues[:, 0][one.labels == label][0], other.cues[:, 0][other.labels == label][0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": 5}, "must be even"),
        ({"pulls": 1}, "each needs a pull"),
        ({"stored": "none"}, "both, queried"),
        ({"bits": 8}, "too few for 400 classes"),
        ({"best": 0.1, "rest": 0.9}, "must be greater than rest"),
    ],
)
def test_impossible_tasks_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        CompositionalBandit(**options)
