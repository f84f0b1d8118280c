"""The Gymnasium environments: checkers, seeds, rewards equal to the batched task's, ends, information, rendering."""

import importlib
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

gymnasium = pytest.importorskip("gymnasium")

from gymnasium.envs.registration import registry  # noqa: E402
from gymnasium.utils.env_checker import check_env  # noqa: E402
from gymnasium.vector import AutoresetMode, VectorEnv  # noqa: E402
from gymnasium.wrappers import vector as vector_wrappers  # noqa: E402

from episodic.environments import ENVIRONMENTS, BlockPlay, TaskEnv, TaskVectorEnv  # noqa: E402
from episodic.errors import InputError  # noqa: E402
from episodic.tasks import BarcodeBandit, ContextualChoice, DrawingBandit, Task, block_seed  # noqa: E402

#: Small versions of the tasks.
SMALL: dict[str, dict[str, Any]] = {
    "BarcodeBandit": {"contexts": 3, "arms": 3, "exposures": 2, "pulls": 4},
    "CompositionalBandit": {"classes": 6, "exposures": 2, "pulls": 3},
    "CompositionalDrawingBandit": {"classes": 6, "exposures": 2, "pulls": 3},
    "ContextualChoice": {"trials": 3, "length": 4, "quiet": 2, "dimensions": 5},
    "DrawingBandit": {"contexts": 3, "arms": 3, "exposures": 2, "pulls": 4},
    "RepeatPrevious": {"delay": 2, "length": 5, "episodes": 3},
    "TwoStep": {"trials": 8},
    "WaterMaze": {"contexts": 2, "exposures": 2, "length": 5},
}
TINY = BarcodeBandit(contexts=2, arms=2, exposures=2, pulls=3)


def identifier(name: str) -> str:
    return f"episodic/{name}-v0"


def make_vec(name: str, count: int, **arguments: Any) -> TaskVectorEnv:
    envs = gymnasium.make_vec(identifier(name), num_envs=count, **SMALL[name], **arguments)
    assert isinstance(envs, TaskVectorEnv)
    return envs


def play_through(envs: VectorEnv[Any, Any, Any], steps: int) -> list[NDArray[np.float32]]:
    """The rewards of a scripted player."""
    count = int(envs.single_action_space.n)  # type: ignore[attr-defined]
    rows = np.arange(envs.num_envs)
    return [envs.step((rows + step) % count)[1] for step in range(steps)]


def batched_rewards(task: Task, spec: Any, batch: int) -> torch.Tensor:
    """The same player's rewards `[E * T, B]` on the task itself."""
    luck, rewards, step = task.luck(spec), [], 0
    for episode in range(spec.episodes):
        observation = torch.zeros(task.steps + 1, batch, task.observation_size)
        game = task.begin(spec, episode, luck[episode], observation)
        for t in range(task.steps):
            reward = torch.zeros(batch, 1)
            game.step(t, ((torch.arange(batch) + step) % task.actions).unsqueeze(1), reward)
            rewards.append(reward.squeeze(1))
            step += 1
    return torch.stack(rewards)


def test_every_task_has_an_environment() -> None:
    assert {identifier(name) for name in ENVIRONMENTS} == {key for key in registry if key.startswith("episodic/")}
    assert set(SMALL) == set(ENVIRONMENTS)


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_gymnasiums_checker_passes(name: str) -> None:
    env = gymnasium.make(identifier(name), render_mode="rgb_array", **SMALL[name])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        check_env(env.unwrapped)
    # Normal noise has no bounds, which Gymnasium mentions.
    assert all("infinity" in str(warning.message) for warning in caught)
    assert not caught or name == "ContextualChoice"


@pytest.mark.parametrize("unit", ["block", "episode"])
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_vector_environment_keeps_its_contract(name: str, unit: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        envs = make_vec(name, 5, unit=unit)
        observation, info = envs.reset(seed=1)
        assert envs.observation_space.contains(observation)
        for _ in range(envs.task.steps + 3):
            observation, reward, terminated, truncated, info = envs.step(envs.action_space.sample())
            assert envs.observation_space.contains(observation)
            assert reward.shape == terminated.shape == truncated.shape == (5,)
            assert (terminated.dtype, truncated.dtype) == (np.dtype(bool), np.dtype(bool))
            assert all(len(info[name]) == 5 and info[f"_{name}"].all() for name in ("label", "exposure"))
        envs.close()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_scripted_player_earns_what_it_earns_on_the_batched_task(name: str) -> None:
    envs = make_vec(name, 4)
    envs.reset(options={"block_seed": 7})
    task, spec = envs.task, envs.task.draw_block(4, 7)
    assert torch.equal(spec.labels, envs.block.labels)
    expected = batched_rewards(task, spec, 4).numpy()
    np.testing.assert_array_equal(play_through(envs, task.steps * task.episodes), expected)
    assert expected.any()


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_one_environment_plays_as_a_batch_of_one(name: str) -> None:
    env = gymnasium.make(identifier(name), **SMALL[name]).unwrapped
    envs = make_vec(name, 1)
    for (single, info), (batch, infos) in [(env.reset(seed=5), envs.reset(seed=5))]:
        np.testing.assert_array_equal(single, batch[0])
        assert info == {key: int(value[0]) for key, value in infos.items() if not key.startswith("_")}
    for step in range(envs.task.steps):
        action = step % envs.task.actions
        one, many = env.step(action), envs.step(np.array([action]))
        np.testing.assert_array_equal(one[0], many[0][0])
        assert one[1:4] == (many[1][0], many[2][0], many[3][0])


def test_the_same_seed_gives_the_same_blocks_and_another_gives_others() -> None:
    envs = make_vec("BarcodeBandit", 4)
    seeds = []
    for seed in (3, 3, 4):
        envs.reset(seed=seed)
        first = envs.block.seed
        envs.reset()
        seeds.append((first, envs.block.seed))
    assert seeds[0] == seeds[1] != seeds[2]
    assert seeds[0][0] != seeds[0][1]


def test_blocks_of_the_projects_own_tests_can_be_played() -> None:
    env = TaskEnv(TINY)
    seed = block_seed(0, "test", rank=0, index=0)
    env.reset(options={"block_seed": seed})
    assert torch.equal(env.block.cues, TINY.draw_block(1, seed).cues)


def test_the_observation_is_last_action_reward_and_cue() -> None:
    envs = TaskVectorEnv(TINY, 3)
    observation, _ = envs.reset(seed=0)
    np.testing.assert_array_equal(observation[:, :3], 0)
    np.testing.assert_array_equal(observation[:, 3:], envs.block.cues[0].numpy())
    observation, reward, *_ = envs.step(np.array([0, 1, 1]))
    np.testing.assert_array_equal(observation[:, :2], [[1, 0], [0, 1], [0, 1]])
    np.testing.assert_array_equal(observation[:, 2], reward)
    for _ in range(2):
        observation, *_ = envs.step(np.array([0, 1, 1]))
    np.testing.assert_array_equal(observation[:, :3], 0)  # the next episode has begun
    np.testing.assert_array_equal(observation[:, 3:], envs.block.cues[1].numpy())


def test_a_task_that_hides_its_rewards_hides_them_here() -> None:
    task = ContextualChoice(trials=2, length=4, quiet=1, dimensions=3)
    envs = TaskVectorEnv(task, 6)
    envs.reset(seed=0)
    observation, reward, *_ = envs.step(np.ones(6, dtype=int))
    assert reward.any()
    assert not observation[:, :3].any()


def test_the_structure_of_the_block_is_in_the_information() -> None:
    envs = TaskVectorEnv(TINY, 3, autoreset_mode="Disabled")
    infos = [envs.reset(seed=2)[1]]
    infos += [envs.step(np.zeros(3, dtype=int))[-1] for _ in range(12)]
    assert [int(info["episode_index"][0]) for info in infos] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3, 3]
    assert [int(info["episode_step"][0]) for info in infos] == [0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2, 3]
    for name in ("label", "exposure"):
        expected = getattr(envs.block, f"{name}s").numpy()
        np.testing.assert_array_equal([infos[3 * episode][name] for episode in range(4)], expected)


@pytest.mark.parametrize(("unit", "length"), [("block", 12), ("episode", 3)])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_every_way_to_begin_anew(mode: AutoresetMode, unit: str, length: int) -> None:
    envs = TaskVectorEnv(TINY, 2, unit=unit, autoreset_mode=mode)
    assert envs.metadata["autoreset_mode"] is mode
    envs.reset(seed=0)
    block, actions = envs.block.seed, np.ones(2, dtype=int)
    for step in range(1, length + 1):
        observation, reward, terminated, truncated, info = envs.step(actions)
        assert terminated.tolist() == [step == length] * 2
        assert not truncated.any()
    begun = mode is AutoresetMode.SAME_STEP
    assert ("final_obs" in info) == begun
    last = info["final_obs"][0] if begun else observation[0]
    np.testing.assert_array_equal(last[:3], [0, 1, reward[0]])
    if mode is AutoresetMode.NEXT_STEP:
        observation, reward, terminated, *_, info = envs.step(actions)
        assert not reward.any()
        assert not terminated.any()
    elif mode is AutoresetMode.DISABLED:
        with pytest.raises(InputError, match=f"the {unit} is over: call reset"):
            envs.step(actions)
        observation, info = envs.reset()
    assert not observation[:, :3].any()
    assert (envs.block.seed != block) == (unit == "block")
    assert info["episode_index"].tolist() == [0, 0] if unit == "block" else [1, 1]


def test_gymnasiums_vector_wrappers_read_its_information() -> None:
    envs = vector_wrappers.RecordEpisodeStatistics(TaskVectorEnv(TINY, 2))
    envs.reset(seed=0)
    for _ in range(12):
        *_, info = envs.step(np.zeros(2, dtype=int))
    assert info["episode"]["l"].tolist() == [12, 12]
    listed = vector_wrappers.DictInfoToList(TaskVectorEnv(TINY, 2, autoreset_mode="SameStep"))
    listed.reset(seed=0)
    for _ in range(12):
        *_, infos = listed.step(np.zeros(2, dtype=int))
    assert infos[1]["final_info"]["episode_step"] == 3
    assert infos[1]["final_obs"].shape == listed.single_observation_space.shape


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_frames_are_pictures(name: str) -> None:
    envs = make_vec(name, 2, render_mode="rgb_array")
    assert envs.render() is None  # nothing to show yet
    envs.reset(seed=0)
    before = envs.render()
    envs.step(np.ones(2, dtype=int))
    after = envs.render()
    assert before is not None
    assert after is not None
    assert before[0].dtype == np.dtype(np.uint8)
    assert before[0].shape == after[0].shape
    assert before[0].ndim == 3
    assert (before[0] != after[0]).any()


def test_drawings_of_your_own_are_the_cues() -> None:
    drawings = torch.rand(6, 4, 9)
    envs = gymnasium.make_vec(
        identifier("DrawingBandit"), num_envs=3, drawings=drawings, contexts=2, exposures=2, arms=2
    )
    observation, info = envs.reset(seed=0)
    for cue, label in zip(observation[:, 3:], info["label"], strict=True):
        assert (np.abs(drawings[label].numpy() - cue).sum(axis=1) == 0).any()


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: TaskEnv("Nonsense"), "task is 'Nonsense': it must be one of BarcodeBandit"),
        (lambda: TaskEnv("BarcodeBandit", bit=3), "bit is 3: BarcodeBandit has no such argument, but arms"),
        (lambda: TaskEnv(TINY, bits=3), "bits: arguments go with the name"),
        (lambda: TaskEnv(TINY, unit="pull"), "unit is 'pull'"),
        (lambda: TaskVectorEnv(TINY, 0), "num_envs is 0"),
        (lambda: TaskVectorEnv(TINY, 2, autoreset_mode="Never"), "autoreset_mode is 'Never'"),
        (lambda: TaskEnv(TINY, drawings=np.zeros((2, 2, 2))), "BarcodeBandit shows none"),
        (lambda: TaskEnv("DrawingBandit", drawings=np.zeros((2, 2))), r"drawings has shape \[2, 2\]"),
        (lambda: TaskEnv("DrawingBandit", drawings="abc"), "drawings must be an array"),
        (lambda: TaskEnv(DrawingBandit(cue="barcode")).reset(), "characters is None"),
        (lambda: TaskVectorEnv(TINY, 2).step(np.zeros(2, dtype=int)), "call reset"),
        (lambda: TaskVectorEnv(TINY, 2).reset(seed=[1, 2]), "seed is .* one integer for all"),  # type: ignore[arg-type]
        (lambda: TaskEnv(TINY).reset(options={"block_seed": -1}), "block_seed is -1"),
    ],
)
def test_mistakes_end_in_one_line(make: Any, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("actions", "complaint"),
    [
        (np.zeros(3, dtype=int), r"actions have shape \[3\] and type int64: they must be 2 integers"),
        (np.zeros(2), "type float64"),
        (np.array([0, 2]), "actions lie between 0 and 2: they must lie between 0 and 1"),
        (np.array([-1, 0]), "actions lie between -1 and 0"),
    ],
)
def test_wrong_actions_end_in_one_line(actions: NDArray[Any], complaint: str) -> None:
    play = BlockPlay(TINY, 2)
    play.start(0)
    with pytest.raises(InputError, match=complaint):
        play.step(actions)


def test_an_identifier_may_name_the_module_that_registers_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ENVIRONMENTS:
        monkeypatch.delitem(registry, identifier(name))
    monkeypatch.delitem(sys.modules, "episodic.environments")
    envs = gymnasium.make_vec("episodic.environments:episodic/BarcodeBandit-v0", num_envs=2)
    assert envs.num_envs == 2


def test_without_gymnasium_one_line_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "gymnasium"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "gymnasium", None)
    monkeypatch.delitem(sys.modules, "episodic.environments.registration")
    with pytest.raises(ModuleNotFoundError, match=r"^gymnasium is not installed: pip install gymnasium, or the extra"):
        importlib.import_module("episodic.environments.registration")
