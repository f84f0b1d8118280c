"""The contextual water maze and its optimal player."""

from functools import cache

import pytest
import torch

from episodic.errors import InputError
from episodic.tasks.water_maze import WaterMaze


def oracle_value(task: WaterMaze) -> float:
    """Expected reward of the best player of one episode: a search over all histories, belief by belief."""
    moves, cells = task.moves(), range(task.cells)
    others = {g: [c for c in cells if task.jump_to_goal or c != g] for g in cells}

    @cache
    def value(goals: frozenset[int], position: int, left: int) -> float:
        if left == 0:
            return 0.0
        best = 0.0
        for end in set(moves[position]):
            total = 0.0
            for goal in goals:
                if end == goal:
                    after = [value(frozenset([goal]), cell, left - 1) for cell in others[goal]]
                    total += 1 + sum(after) / len(after)
                else:
                    total += value(goals - {end}, end, left - 1)
            best = max(best, total / len(goals))
        return best

    starts = [value(frozenset(cells) - {start}, start, task.length) for start in cells]
    return sum(starts) / len(starts)


@pytest.mark.parametrize(
    ("width", "height", "length", "jump_to_goal"),
    [(2, 2, 5, False), (3, 2, 6, False), (3, 2, 5, True), (5, 1, 6, False)],
)
def test_the_optimal_search_equals_a_search_over_histories(
    width: int, height: int, length: int, jump_to_goal: bool
) -> None:
    task = WaterMaze(width=width, height=height, length=length, jump_to_goal=jump_to_goal, contexts=1, bits=3)
    policy = task.policy()
    assert policy is not None
    assert policy.search_value == pytest.approx(oracle_value(task), abs=1e-9)


def test_the_ideal_player_earns_what_its_tables_promise() -> None:
    task = WaterMaze(width=3, height=2, length=8, contexts=3, exposures=4, bits=4)
    spec, policy = task.draw_block(4000, seed=0), task.policy()
    assert policy is not None
    rewards, forgetful = (task.ideal_rewards(spec, memory=memory) for memory in (True, False))
    assert rewards is not None
    assert forgetful is not None
    totals = rewards.sum(dim=1)
    assert float(forgetful.sum(dim=1).mean()) == pytest.approx(policy.search_value, abs=0.03)
    assert float(totals[spec.exposures == 4].mean()) == pytest.approx(policy.known_value, abs=0.05)
    assert task.ideal(spec) == rewards.sum()


def test_reference_levels_of_the_standard_maze() -> None:
    task = WaterMaze()
    policy = task.policy()
    assert policy is not None
    assert policy.known_value == pytest.approx(7.444, abs=5e-4)
    assert policy.search_value == pytest.approx(5.544, abs=5e-4)
    assert task.chance == pytest.approx(0.701, abs=5e-4)


def test_a_large_maze_has_no_ideal_player() -> None:
    task = WaterMaze(width=6, height=5)
    assert task.ideal(task.draw_block(2, seed=0)) is None


def test_walls_keep_the_agent_in_place() -> None:
    moves = WaterMaze(width=3, height=2).moves()
    assert moves[0] == (0, 1, 0, 3)  # left, right, up, down
    assert moves[5] == (4, 5, 2, 5)


@pytest.mark.parametrize("jump_to_goal", [False, True])
def test_an_episode_moves_pays_and_jumps(jump_to_goal: bool) -> None:
    task = WaterMaze(contexts=4, exposures=3, jump_to_goal=jump_to_goal)
    spec = task.draw_block(50, seed=1)
    assert (spec.rules.starts != torch.stack([spec.rules.goal(e) for e in range(12)])).all()
    luck, observation = task.luck(spec), torch.zeros(21, 50, 2)
    episode = task.begin(spec, 5, luck[5], observation)
    moves, goal, position = task.moves(), spec.rules.goal(5), spec.rules.starts[5].tolist()
    first = [21.0] * 50
    actions = torch.randint(4, (20, 50), generator=torch.Generator().manual_seed(0))
    for t in range(20):
        shown = [(2 * (c % 4) / 3 - 1, 2 * (c // 4) / 3 - 1) for c in position]
        torch.testing.assert_close(observation[t], torch.tensor(shown))
        reward = torch.full((50, 1), -1.0)
        episode.step(t, actions[t].unsqueeze(1), reward)
        for b in range(50):
            end = moves[position[b]][actions[t, b]]
            reached = end == goal[b]
            assert reward[b] == float(reached)
            first[b] = min(first[b], t + 1.0) if reached else first[b]
            position[b] = int(episode.position[b]) if reached else end
            assert position[b] == episode.position[b]
            assert jump_to_goal or position[b] != goal[b]
    measures = episode.measures(actions)
    assert measures["steps_to_goal"].tolist() == first
    assert torch.equal(measures["found"].bool(), measures["steps_to_goal"] <= 20)


def test_jumps_reach_all_other_cells_equally_often() -> None:
    task = WaterMaze(width=3, height=2)
    luck = torch.rand(6000, 6, generator=torch.Generator().manual_seed(0))
    targets = task._targets(luck, torch.arange(6))  # one column a goal
    for goal in range(6):
        counts = targets[:, goal].bincount(minlength=6)
        assert counts[goal] == 0
        assert all(abs(int(count) - 1200) < 150 for cell, count in enumerate(counts) if cell != goal)


def test_contexts_keep_their_goal_and_barcode() -> None:
    task = WaterMaze(distinct_goals=True, vocabulary=40)
    spec = task.draw_block(6, seed=0)
    for b in range(6):
        assert len(set(spec.rules.goals[b].tolist())) == 10
        for label in spec.labels[:, b].unique():
            episodes = spec.labels[:, b] == label
            assert episodes.sum() == 10
            assert len(spec.cues[episodes, b].unique(dim=0)) == 1
    assert task.label_count == 40
    assert task.fixed_labels
    again = task.draw_block(6, seed=1)
    one, other = spec.labels == 3, again.labels == 3
    assert torch.equal(spec.cues[one][0], again.cues[other][0])  # a label means the same barcode in every block


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 0}, "width is 0"),
        ({"width": 1, "height": 1}, "at least two cells"),
        ({"contexts": 20, "distinct_goals": True}, "only 16 cells"),
        ({"bits": 3, "contexts": 10}, "too few for 10 contexts"),
        ({"vocabulary": 5}, "vocabulary is 5"),
    ],
)
def test_impossible_mazes_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        WaterMaze(**options)  # type: ignore[arg-type]
