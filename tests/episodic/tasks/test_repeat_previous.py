"""Repeat previous: the symbol of some steps before."""

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.repeat_previous import RepeatPrevious


def test_observations_show_the_symbols_and_the_right_answer_is_that_of_some_steps_before() -> None:
    task = RepeatPrevious(delay=3, length=9, symbols=5, episodes=2)
    spec = task.draw_block(6, seed=0)
    for e in range(2):
        observation = torch.zeros(10, 6, 5)
        episode = task.begin(spec, e, torch.empty(0), observation)
        shown = spec.rules.symbols[e]
        assert torch.equal(observation[:9].argmax(-1), shown)
        assert observation.sum() == 9 * 6
        for t in range(9):
            for answer in range(5):
                reward = torch.full((6, 1), -1.0)
                episode.step(t, torch.full((6, 1), answer), reward)
                expected = [float(t >= 3 and shown[t - 3, b] == answer) for b in range(6)]
                assert reward.squeeze(1).tolist() == expected


def test_ideal_player_chance_and_regret() -> None:
    task = RepeatPrevious(delay=2, length=6, symbols=4, episodes=3)
    spec = task.draw_block(5, seed=1)
    ideal = task.ideal(spec)
    assert ideal is not None
    assert ideal == 3 * 5 * 4
    assert task.chance == 1.0
    episode = task.begin(spec, 1, torch.empty(0), torch.zeros(7, 5, 4))
    right = torch.cat([torch.zeros(2, 5, dtype=torch.long), spec.rules.symbols[1, :4]])
    assert episode.measures(right)["regret"].sum() == 0
    wrong = (right + 1) % 4
    assert episode.measures(wrong)["regret"].sum(0).tolist() == [4.0] * 5


@pytest.mark.parametrize("settings", [{"delay": 5, "length": 5}, {"symbols": 1}, {"episodes": 0}])
def test_bad_numbers_are_refused(settings: dict[str, int]) -> None:
    with pytest.raises(InputError):
        RepeatPrevious(**settings)
