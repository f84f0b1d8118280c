"""Batches of harvested states: what is in them, what is held out, and with which labels they are trained on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from datamodules import sampling
from datamodules.harvest_files import read_harvest
from datamodules.hidden_state_splits import HarvestSplit
from datamodules.hidden_states import HiddenStateDataModule
from datamodules.pseudo_labels import Clustering, cluster_labels
from datamodules.state_batches import StateBatch
from episodic.errors import InputError
from tests.datamodules.harvests import BLOCKS, CONTEXTS, EPISODES, PULLS, clusters_of, harvest_arrays, save_harvest

SPLITS = ("train", "val", "test")


@pytest.fixture(scope="module")
def harvest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A harvest whose labels mean the same context in every block."""
    return save_harvest(tmp_path_factory.mktemp("harvests") / "harvest.npz")


@pytest.fixture(scope="module")
def unfixed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A harvest with other contexts in every block."""
    return save_harvest(tmp_path_factory.mktemp("harvests") / "unfixed.npz", harvest_arrays(fixed_labels=False))


def ready(harvest: str, **arguments: Any) -> HiddenStateDataModule:
    data = HiddenStateDataModule(harvest, **{"batch_size": 12, **arguments})
    data.setup("fit")
    return data


def joined(batches: Iterable[StateBatch]) -> StateBatch:
    return StateBatch(*(torch.cat(parts) for parts in zip(*batches, strict=True)))


def training(data: HiddenStateDataModule, epoch: int = 0) -> list[StateBatch]:
    loader = data.train_dataloader()
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def rows_of(data: HiddenStateDataModule, states: Tensor) -> Tensor:
    """Episode and pull, from 0, of states `[n, H]`, all of which are different: `[n, 2]`."""
    same = (data.states.float().unsqueeze(0) == states[:, None, None]).all(dim=3)
    found = same.nonzero()
    assert torch.equal(found[:, 0], torch.arange(len(states)))
    return found[:, 1:]


@pytest.mark.parametrize("state", ["cell", "hidden"])
def test_a_batch_holds_states_with_their_contexts(harvest: str, state: str) -> None:
    data, source = ready(harvest, state=state), read_harvest(harvest)
    batches = training(data)
    assert all(batch.inputs.shape == (12, 4) and batch.inputs.dtype == torch.float32 for batch in batches)
    batch = joined(batches)
    episode, pull = rows_of(data, batch.inputs).T
    assert torch.equal(batch.inputs, getattr(source, state)[episode, pull].float())
    assert torch.equal(batch.labels, source.label[episode])
    assert torch.equal(batch.pulls, pull + 1)
    assert torch.equal(batch.exposures, source.exposure[episode])
    # Ten blocks, one and a half of which are rounded to two, each for validation and test.
    assert len(batch.labels) == 6 * EPISODES * PULLS
    assert len(torch.stack([episode, pull]).unique(dim=1).T) == len(batch.labels), "a state came twice"


@pytest.mark.parametrize("labels", ["context", "states"])
def test_cues_come_in_the_place_of_states_one_of_each_episode(harvest: str, labels: str) -> None:
    data, source = ready(harvest, state="cue", pulls=[1], labels=labels, batch_size=6), read_harvest(harvest)
    assert data.sizes["input_size"] == source.cue.shape[1]
    train, val = joined(training(data)), joined(data.val_dataloader())
    for batch, episodes in ((train, data.parts.train), (val, data.parts.val)):
        assert sorted(batch.inputs.tolist()) == sorted(source.cue[episodes].float().tolist())
        assert set(batch.pulls.tolist()) == {1}
    assert torch.equal(val.labels, source.label[data.parts.val])
    with pytest.raises(InputError, match=r"pulls is \[2\]: it must hold different numbers from 1 to 1"):
        ready(harvest, state="cue", pulls=[2])


@pytest.mark.parametrize("split", ["val", "test"])
def test_held_out_states_come_in_order_and_whole(harvest: str, split: str) -> None:
    source = read_harvest(harvest)
    for episodes in (False, True):
        data = ready(harvest, episodes=episodes, batch_size=7)
        loader = getattr(data, f"{split}_dataloader")()
        assert {len(batch.labels) for batch in list(loader)[:-1]} == {7}
        batch, chosen = joined(loader), getattr(data.parts, split)
        assert chosen.tolist() == sorted(chosen.tolist())
        expected, labels = source.cell[chosen].float(), source.label[chosen]
        if episodes:
            assert torch.equal(batch.inputs, expected)
            assert set(batch.pulls.tolist()) == {PULLS}
            assert torch.equal(batch.labels, labels)
            assert torch.equal(batch.exposures, source.exposure[chosen])
        else:
            assert torch.equal(batch.inputs, expected.flatten(0, 1))
            assert batch.pulls.tolist() == [1, 2, 3] * len(chosen)
            assert torch.equal(batch.labels, labels.repeat_interleave(PULLS))
            assert torch.equal(batch.exposures, source.exposure[chosen].repeat_interleave(PULLS))


def test_predictions_are_made_on_the_test_states(harvest: str) -> None:
    data = ready(harvest)
    assert torch.equal(joined(data.predict_dataloader()).inputs, joined(data.test_dataloader()).inputs)


def test_whole_episodes_are_trained_on(harvest: str) -> None:
    data, source = ready(harvest, episodes=True), read_harvest(harvest)
    batch = joined(training(data))
    assert batch.inputs.shape == (6 * EPISODES, PULLS, 4)
    episode = rows_of(data, batch.inputs[:, 0])[:, 0]
    assert sorted(episode.tolist()) == data.parts.train.tolist()
    assert torch.equal(batch.inputs, source.cell[episode].float())
    assert torch.equal(batch.labels, source.label[episode])


def test_blocks_are_held_out_whole(harvest: str) -> None:
    data, source = ready(harvest), read_harvest(harvest)
    blocks = [set(source.block[getattr(data.parts, split)].tolist()) for split in SPLITS]
    assert [len(part) for part in blocks] == [6, 2, 2]
    assert len(set.union(*blocks)) == BLOCKS
    for split, part in zip(SPLITS, blocks, strict=True):
        assert len(getattr(data.parts, split)) == len(part) * EPISODES
    assert torch.equal(data.parts.labels, source.label)
    assert data.sizes == {"input_size": 4, "classes": CONTEXTS}
    assert data.labels_are_trained


def test_contexts_are_held_out_and_numbered_anew(harvest: str) -> None:
    source = read_harvest(harvest)
    for seed in range(4):
        data = ready(harvest, split=HarvestSplit("context", 0.3, seed))
        contexts = [set(source.label[getattr(data.parts, split)].tolist()) for split in SPLITS]
        assert [len(part) for part in contexts] == [2, 2, 2]
        assert len(set.union(*contexts)) == CONTEXTS
        loaders = (data.train_dataloader(), data.val_dataloader(), data.test_dataloader())
        for number, loader in enumerate(loaders):
            batch = joined(loader)
            assert set(batch.labels.tolist()) == {2 * number, 2 * number + 1}
            assert clusters_of(batch.labels, source.label[rows_of(data, batch.inputs)[:, 0]])
        assert data.sizes["classes"] == HiddenStateDataModule(harvest, split=data.split).sizes["classes"] == 2
        assert not data.labels_are_trained


def test_the_split_has_its_own_seed(harvest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        torch.manual_seed(int(seed))
        found.append(ready(harvest).parts.val.tolist())
    assert found[0] == found[1]
    assert len({tuple(ready(harvest, split=HarvestSplit(seed=seed)).parts.val.tolist()) for seed in range(5)}) > 1


def test_the_order_depends_on_the_runs_seed_and_the_epoch_alone(harvest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def order(seed: int, epoch: int, **arguments: Any) -> Tensor:
        monkeypatch.setenv("PL_GLOBAL_SEED", str(seed))
        return joined(training(ready(harvest, **arguments), epoch)).inputs

    for arguments in ({}, {"per_class": 3}, {"steps": 5}):
        torch.manual_seed(0)
        first = order(1, 0, **arguments)
        torch.manual_seed(1)
        assert torch.equal(first, order(1, 0, **arguments))
        for other in (order(2, 0, **arguments), order(1, 1, **arguments)):
            assert first.shape != other.shape or not torch.equal(first, other)


def test_batches_may_be_made_of_classes(harvest: str) -> None:
    batches = training(ready(harvest, per_class=3))
    for batch in batches:
        groups = batch.labels.view(4, 3)
        assert bool((groups == groups[:, :1]).all())
        assert len(groups[:, 0].unique()) == 4
    assert len(joined(batches).inputs.unique(dim=0)) == 12 * len(batches)


def test_an_epoch_may_end_early(harvest: str) -> None:
    data, whole = ready(harvest, steps=5), ready(harvest)
    assert len(data.train_dataloader()) == 5
    for epoch in range(2):
        some, every = training(data, epoch), training(whole, epoch)
        assert len(some) == 5
        assert all(torch.equal(one.inputs, other.inputs) for one, other in zip(some, every, strict=False))
    assert len(training(ready(harvest, steps=10_000))) == len(training(whole)) == 18


@pytest.mark.parametrize("pulls", [[1], [3, 1]])
def test_training_may_be_on_some_pulls_alone(harvest: str, pulls: list[int]) -> None:
    data = ready(harvest, pulls=pulls)
    batch = joined(training(data))
    assert len(batch.labels) == 6 * EPISODES * len(pulls)
    assert set(batch.pulls.tolist()) == set(pulls)
    assert torch.equal(rows_of(data, batch.inputs)[:, 1], batch.pulls - 1)
    assert set(joined(data.val_dataloader()).pulls.tolist()) == {1, 2, 3}


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_the_states(harvest: str, world: int, monkeypatch: pytest.MonkeyPatch) -> None:
    trained, held = [], []
    expected = joined(ready(harvest).val_dataloader()).inputs
    for rank in range(world):
        monkeypatch.setattr(sampling, "rank_and_world", lambda rank=rank: (rank, world))
        data = ready(harvest, steps=4)
        batches = training(data)
        assert len(batches) == 4
        trained.append(joined(batches).inputs)
        held.append(joined(data.val_dataloader()).inputs)
    assert len(torch.cat(trained).unique(dim=0)) == world * 4 * 12
    assert torch.equal(torch.cat(held).unique(dim=0), expected.unique(dim=0))
    assert len(torch.cat(held)) == len(expected)


@pytest.mark.parametrize("clustering", ["k_means", "fuzzy_c_means"])
@pytest.mark.parametrize("labels", ["cues", "states"])
def test_clusters_find_the_contexts_again(harvest: str, labels: str, clustering: str) -> None:
    source = read_harvest(harvest)
    data = ready(harvest, labels=labels, clustering=Clustering(clustering))
    assert data.sizes["classes"] == CONTEXTS
    batch = joined(training(data))
    assert clusters_of(batch.labels, source.label[rows_of(data, batch.inputs)[:, 0]])
    assert set(batch.labels.tolist()) == set(range(CONTEXTS))
    assert torch.equal(joined(data.val_dataloader()).labels, joined(ready(harvest).val_dataloader()).labels)
    again = ready(harvest, labels=labels, clustering=Clustering(clustering))
    assert torch.equal(again.training_labels, data.training_labels)
    assert not data.labels_are_trained


def test_clusters_need_no_contexts_that_all_blocks_share(unfixed: str) -> None:
    data, source = ready(unfixed, labels="cues", clustering=Clustering(clusters=36)), read_harvest(unfixed)
    assert data.sizes["classes"] == 36  # six blocks of six contexts each are trained on
    batch = joined(training(data))
    episodes = rows_of(data, batch.inputs)[:, 0]
    assert clusters_of(batch.labels, source.block[episodes] * CONTEXTS + source.label[episodes])


def test_clusters_are_of_the_first_pull_and_of_the_training_alone(tmp_path: Path) -> None:
    arrays = harvest_arrays()
    arrays["cell"][:, 1:] = np.random.default_rng(1).normal(size=arrays["cell"][:, 1:].shape)
    data = ready(save_harvest(tmp_path / "harvest.npz", arrays), labels="states")
    rows = data.parts.train
    assert clusters_of(data.training_labels[rows], data.parts.labels[rows])
    held_out = torch.cat([data.parts.val, data.parts.test])
    assert set(data.training_labels[held_out].tolist()) == {-1}


def test_the_states_of_an_episode_may_be_a_class(harvest: str) -> None:
    data = ready(harvest, labels="episode", per_class=2)
    assert data.sizes["classes"] == 6 * EPISODES
    batches = training(data)
    episodes = rows_of(data, joined(batches).inputs)[:, 0]
    assert clusters_of(joined(batches).labels, episodes)
    for batch in batches:
        groups = batch.labels.view(6, 2)
        assert torch.equal(groups[:, 0], groups[:, 1])


def test_contexts_of_single_blocks_are_told_apart_by_block(unfixed: str) -> None:
    data, source = ready(unfixed, labels="episode", per_class=2), read_harvest(unfixed)
    assert clusters_of(data.parts.labels, source.block * CONTEXTS + source.label)


def test_more_points_than_are_looked_at_join_the_clusters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datamodules.pseudo_labels.POINTS", 40)
    owner = torch.arange(300) % 3
    points = torch.eye(3)[owner] + 0.01 * torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
    for clustering in ("k_means", "fuzzy_c_means"):
        assert clusters_of(cluster_labels(points, 3, Clustering(clustering)), owner)


def test_a_second_setup_reads_nothing_again(tmp_path: Path) -> None:
    path = save_harvest(tmp_path / "harvest.npz")
    data = HiddenStateDataModule(path)
    data.setup("validate")
    Path(path).unlink()
    data.setup("fit")
    assert data.sizes["classes"] == CONTEXTS
    assert len(data.train_dataloader().dataset) == 6 * EPISODES * PULLS  # type: ignore[arg-type]


def test_sizes_are_known_before_the_states_are_read(harvest: str, unfixed: str) -> None:
    assert HiddenStateDataModule(harvest).sizes == {"input_size": 4, "classes": CONTEXTS}
    assert HiddenStateDataModule(unfixed, labels="cues", clustering=Clustering(clusters=9)).sizes["classes"] == 9
    assert HiddenStateDataModule(harvest, labels="states", split=HarvestSplit("context", 0.3)).sizes["classes"] == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state": "gates"}, "state is 'gates': it .* one of cell, hidden"),
        ({"labels": "arms"}, "labels is 'arms': it .* one of context, cues, states, episode"),
        ({"split": HarvestSplit(held_out=0.47)}, "the harvest has 10 blocks: with 5 each for validation and test none"),
        (
            {"split": HarvestSplit("context", 0.45)},
            "the harvest has 6 contexts: with 3 each .* fewer than two",
        ),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"per_class": 5}, "batch_size is 12: it must be a multiple of per_class, 5"),
        ({"per_class": 1}, "a batch needs 12 classes of 1 items: there are 6 classes"),
        ({"steps": 0}, "steps is 0"),
        ({"clustering": Clustering(clusters=3)}, "clustering.clusters is 3: it must be null if labels is 'context'"),
        ({"labels": "cues", "clustering": Clustering(clusters=7)}, "clusters is 7: there are 6 different points"),
        ({"pulls": [0]}, r"pulls is \[0\]: it must hold different numbers from 1 to 3"),
        ({"pulls": [4]}, r"pulls is \[4\]"),
        ({"pulls": [1, 1]}, r"pulls is \[1, 1\]"),
        ({"pulls": []}, r"pulls is \[\]"),
        ({"pulls": [1], "episodes": True}, r"pulls is \[1\]: it must be null if items are whole episodes"),
        ({"labels": "episode"}, "labels is 'episode': this needs per_class"),
        ({"labels": "episode", "per_class": 2, "state": "cue"}, "labels is 'episode': an episode has a single cue"),
        ({"labels": "episode", "per_class": 2, "episodes": True}, "and episodes false"),
    ],
    ids=str,
)
def test_bad_arguments_are_refused(harvest: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        ready(harvest, **changes).train_dataloader()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("part", "settings", "message"),
    [
        (HarvestSplit, {"by": "pull"}, "split.by is 'pull': it .* one of block, context"),
        (HarvestSplit, {"held_out": 0.0}, "held_out is 0.0: it must be above 0 and below 0.5"),
        (HarvestSplit, {"held_out": 0.5}, "held_out is 0.5"),
        (HarvestSplit, {"seed": -1}, "split.seed is -1"),
        (Clustering, {"method": "dbscan"}, "clustering.method is 'dbscan': it .* one of k_means, fuzzy_c_means"),
        (Clustering, {"clusters": 0}, "clusters is 0"),
        (Clustering, {"fuzziness": 0.5}, "fuzziness is 0.5: it "),
        (Clustering, {"seed": -1}, "clustering.seed is -1"),
    ],
)
def test_bad_settings_of_parts_are_refused(part: Any, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        part(**settings)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {},
            r"labels is 'context': the labels of harvest .*unfixed.npz mean another context.*data.vocabulary",
        ),
        ({"labels": "cues"}, "clustering.clusters is null: give a number if every block has its own contexts"),
        (
            {"labels": "cues", "clustering": Clustering(clusters=3), "split": HarvestSplit("context")},
            "split.by is 'context': .*data.vocabulary",
        ),
    ],
    ids=str,
)
def test_contexts_of_single_blocks_are_no_labels(unfixed: str, changes: dict[str, Any], message: str) -> None:
    for build in (lambda: ready(unfixed, **changes), lambda: HiddenStateDataModule(unfixed, **changes).sizes):
        with pytest.raises(InputError, match=message) as error:
            build()
        assert "\n" not in str(error.value)


def test_a_part_with_one_context_is_refused(tmp_path: Path) -> None:
    arrays = harvest_arrays()
    arrays["label"][:] = 2
    with pytest.raises(InputError, match=r"the train part of harvest .* has one context only: it needs two"):
        ready(save_harvest(tmp_path / "harvest.npz", arrays))


def test_a_missing_harvest_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "none.npz")
    for build in (lambda: ready(path), lambda: HiddenStateDataModule(path).sizes):
        with pytest.raises(InputError, match=r"none.npz does not exist: `python cli.py predict"):
            build()
