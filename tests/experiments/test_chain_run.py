"""The whole chain by the command line: an agent, its harvest, an encoder of that, an agent that it makes keys for."""

import csv
import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from cli import main
from episodic.checkpoints import load_embedder, read_checkpoint
from experiments.run import main as run_grid
from tests.experiments.grids import tiny_overrides
from tests.harvests import generated_harvest
from tests.tiny import PROJECT, tiny_bandit, tiny_hidden_state_encoder

#: A fixed vocabulary, so that a label means the same context everywhere.
WORDS = ["--data.task.vocabulary", "3"]
SMALL = ["--model.keys.embedder.embedding_size", "8", "--model.keys.embedder.hidden_layer", "12"]


def best(run: Path) -> str:
    return str(run / "checkpoints" / "best.ckpt")


def last(run: Path) -> str:
    return str(run / "checkpoints" / "last.ckpt")


def start(root: Path) -> Path:
    """Where the run of the agent that is harvested lies."""
    return root / "barcode_bandit_harvest" / "version_0"


def encoder(root: Path) -> Path:
    return root / "hidden_state_encoder" / "version_0"


def tuned(root: Path) -> Path:
    """The run of an encoder that another one was fine-tuned to."""
    return root / "hidden_state_encoder" / "tuned"


def agent(root: Path, kind: str) -> Path:
    """The run of an agent with an encoder, which is `frozen` or learns `online`."""
    return root / KINDS[kind] / "version_0"


KINDS = {"frozen": "barcode_bandit_encoder", "online": "barcode_bandit_encoder_online"}


def states(harvest: Path) -> list[str]:
    """Arguments of an encoder's data."""
    return ["--data.harvest", str(harvest)]


def parts(root: Path) -> list[str]:
    """Arguments that name the earlier stages' checkpoints."""
    return ["--model.warm_start.agent", best(start(root)), "--model.warm_start.keys", best(encoder(root)), *SMALL]


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root with the runs of all stages."""
    root = tmp_path_factory.mktemp("chain")
    assert main(["fit", *tiny_bandit(root, "barcode_bandit_harvest", epochs=1), *WORDS]) == 0
    assert main(["predict", "--ckpt_path", best(start(root))]) == 0
    data = states(start(root) / "harvest.npz")
    assert main(["fit", *tiny_hidden_state_encoder(root, epochs=1), *data]) == 0
    tuning = ["--run.version", "tuned", "--model.fine_tune", best(encoder(root))]
    assert main(["fit", *tiny_hidden_state_encoder(root, epochs=1), *data, *tuning]) == 0
    for kind, frozen in (("frozen", "true"), ("online", "false")):
        options = [*WORDS, *parts(root), "--model.warm_start.freeze", frozen]
        assert main(["fit", *tiny_bandit(root, KINDS[kind], epochs=1), *options]) == 0
    return root


@pytest.fixture
def moved(chain: Path, tmp_path: Path) -> Path:
    """A copy of all runs, for a test that deletes some."""
    return Path(shutil.copytree(chain, tmp_path / "chain"))


def weights(run: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = read_checkpoint(best(run))["state_dict"]
    return state


def part(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def assert_equal(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    assert len(wanted) >= 2
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name


def test_the_harvest_tells_which_agent_it_is_of(chain: Path) -> None:
    with np.load(start(chain) / "harvest.npz") as harvest:
        told = json.loads(str(harvest["provenance"]))
        assert harvest["cell"].shape == harvest["hidden"].shape == (2 * 4 * 6, 4, 50)  # blocks, environments, episodes
    assert told["checkpoint"] == hashlib.sha256(Path(best(start(chain))).read_bytes()).hexdigest()
    assert yaml.safe_load(told["config"])["data"]["init_args"]["task"]["init_args"]["vocabulary"] == 3


def test_frozen_parts_are_the_earlier_ones_to_the_bit(chain: Path) -> None:
    found = weights(agent(chain, "frozen"))
    assert_equal(part(found, "agent.core."), part(weights(start(chain)), "agent.core."))
    assert_equal(part(found, "agent.memory.embedder."), load_embedder(best(encoder(chain))).state_dict())


def test_parts_that_learn_on_have_learned(chain: Path) -> None:
    found, before = weights(agent(chain, "online")), weights(start(chain))
    for own, other in (
        (part(found, "agent.core."), part(before, "agent.core.")),
        (part(found, "agent.memory.embedder."), load_embedder(best(encoder(chain))).state_dict()),
    ):
        assert own.keys() == other.keys()
        assert not all(torch.equal(own[name], other[name]) for name in own)


def test_an_agents_encoder_is_an_embedder_like_any_other(chain: Path) -> None:
    with np.load(start(chain) / "harvest.npz") as harvest:
        batch = torch.from_numpy(harvest["cell"][:, 0]).float()
    embedders = [load_embedder(best(run)) for run in (encoder(chain), agent(chain, "frozen"))]
    one, other = (embedder.embed(batch) for embedder in embedders)
    assert one.shape == (48, 8)
    assert torch.equal(one, other)


def assert_goes_on(run: Path, more: list[str], epochs: int = 2) -> None:
    """The stage is tested, and trained on where it was left."""
    assert main(["test", "--ckpt_path", best(run), *more]) == 0
    assert json.loads((run / "metrics.json").read_text())
    assert main(["fit", "--ckpt_path", last(run), "--trainer.max_epochs", str(epochs), *more]) == 0
    assert read_checkpoint(last(run))["epoch"] == epochs - 1


@pytest.mark.parametrize("kind", list(KINDS))
def test_an_agent_needs_none_of_the_earlier_files(kind: str, moved: Path, chain: Path) -> None:
    run = agent(moved, kind)
    for other in moved.iterdir():
        if other.name != KINDS[kind]:
            shutil.rmtree(other) if other.is_dir() else other.unlink()
    gone = ["--model.warm_start.agent", best(start(moved)), "--model.warm_start.keys", best(encoder(moved))]
    kept = weights(run)
    assert_goes_on(run, gone)
    if kind == "frozen":
        assert_equal(
            part(read_checkpoint(last(run))["state_dict"], "agent.memory.embedder."),
            part(kept, "agent.memory.embedder."),
        )


@pytest.mark.parametrize("run", [encoder, tuned])
def test_an_encoder_needs_nothing_but_the_harvest(run: Any, moved: Path, tmp_path: Path) -> None:
    harvest = Path(shutil.move(start(moved) / "harvest.npz", tmp_path / "other.npz"))
    shutil.rmtree(start(moved))
    gone = [] if run is encoder else ["--model.fine_tune", best(encoder(moved))]
    if run is tuned:
        shutil.rmtree(encoder(moved))
    assert_goes_on(run(moved), [*states(harvest), *gone])


def one_error(capsys: pytest.CaptureFixture[str]) -> str:
    """What a command wrote to standard error: one line."""
    written = capsys.readouterr().err.strip()
    assert written.startswith("error: "), written
    assert "\n" not in written
    return written


def test_a_harvest_that_does_not_fit_is_one_line(
    chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (start(chain) / "harvest.npz").read_bytes()
    cut, changed, other = (tmp_path / f"{name}.npz" for name in ("cut", "changed", "other"))
    cut.write_bytes(whole[: len(whole) // 2])
    changed.write_bytes(whole[:5000] + bytes(16) + whole[5016:])
    generated_harvest(other, size=7)
    for harvest, complaint in (
        (cut, "cut.npz is damaged or no harvest"),
        (changed, "changed.npz is damaged"),
        (tmp_path / "none.npz", "none.npz does not exist"),
        (other, "model.input_size is 50: the data's is 7"),
    ):
        capsys.readouterr()
        assert main(["test", "--ckpt_path", best(encoder(chain)), *states(harvest)]) == 2
        assert complaint in one_error(capsys)
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path), *states(cut)]) == 2
    assert "cut.npz is damaged or no harvest" in one_error(capsys)


def test_an_encoder_of_other_states_is_one_line(
    chain: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*tiny_bandit(tmp_path, KINDS["frozen"], epochs=1), *WORDS]
    named = ["--model.warm_start.keys", best(encoder(chain)), *SMALL]
    for more, complaint in (
        ([*named, "--model.core.hidden_size", "20"], "input_size 50: here input_size is 20"),
        ([*named[:-1], "13"], "hidden_layer 12: here hidden_layer is 13"),
        (["--model.warm_start.keys", best(start(chain))], "holds no encoder"),
        ([*parts(chain), "--model.core.hidden_size", "20"], "here it is"),
    ):
        capsys.readouterr()
        assert main(["fit", *options, *more]) == 2
        assert complaint in one_error(capsys)


def grid() -> dict[str, Any]:
    """A chain of conditions, and one that fails with what it would be for."""
    numbers = {**tiny_overrides(epochs=1), "data.task.vocabulary": 3}
    settings = {name: value for name, value in numbers.items() if name.startswith("data.")}
    machine = {name: value for name, value in numbers.items() if not name.startswith("data.")}
    small = {"data.batch_size": 16, "data.steps": 2, "model.network.embedding_size": 8}
    small["model.network.hidden_layer"] = 12
    encoders = {"config": str(PROJECT / "configs" / "hidden_state_encoder.yaml"), **small}
    keys = {
        "config": str(PROJECT / "configs" / f"{KINDS['frozen']}.yaml"),
        "model.warm_start.agent": "@agent",
        "model.warm_start.keys": "@encoder",
        "model.keys.embedder.embedding_size": 8,
        "model.keys.embedder.hidden_layer": 12,
    }
    return {
        "config": str(PROJECT / "configs" / "barcode_bandit_harvest.yaml"),
        "seeds": [1],
        "overrides": machine,
        "conditions": {
            "agent": {**settings, "evaluations": {}, "predicts": {}},
            "noisy": {"trained_as": "agent", "evaluations": {}, "predicts": {"data.evaluation.noise": 0.5}},
            "encoder": {
                **encoders,
                "data.harvest": "@agent/harvest.npz",
                "evaluations": {"own": {}, "noisy": {"data.harvest": "@noisy/harvest.npz"}},
            },
            "keys": {**settings, **keys},
            "broken": {**settings, "model.memory.kernel": "nosuch", "evaluations": {}, "predicts": {}},
            "broken too": {**encoders, "data.harvest": "@broken/harvest.npz"},
        },
        "metrics": ["test/recall_at_1"],
    }


def test_a_grid_makes_a_chain(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text(yaml.safe_dump(grid(), sort_keys=False))
    place = [str(path), "--root", str(tmp_path / "runs"), "--results", str(tmp_path / "results")]
    assert run_grid(place) == 1
    told = capfd.readouterr()
    assert "failed: train broken / seed 1: error: kernel is 'nosuch'" in told.err
    assert "not tested, since their training failed: 1" in told.err
    assert "not done, since what they need failed: 2" in told.err  # its harvest, and the encoder of it
    assert told.err.count("failed: train") == 2, told.err  # once as it happens, once at the end
    with (tmp_path / "results" / "chain.csv").open(newline="") as file:
        rows = {(row["condition"], row["evaluation"]): row for row in csv.DictReader(file)}
    assert list(rows) == [("encoder", "own"), ("encoder", "noisy"), ("keys", "test")]
    assert rows["encoder", "own"]["test/similarity_same"] != rows["encoder", "noisy"]["test/similarity_same"]
    assert rows["keys", "test"]["test/reward"]
