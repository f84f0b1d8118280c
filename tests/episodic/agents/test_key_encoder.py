"""Stage 4: an agent whose memory keys are made by an encoder of its states, which earlier stages trained."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearning
from torch import Tensor

from cli import main
from episodic.agents.rollout import rollout
from episodic.checkpoints import classifier_weight, load_embedder, read_checkpoint, with_prefix
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.fuzzy_memory import FuzzyMemory
from episodic.memory.stack_memory import StackMemory
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives import Objectives, TripletConfig
from episodic.tasks.barcode_bandit import BarcodeBandit
from lightning_modules.episodic_agent import EpisodicAgent
from tests.lightning_modules.stages import HIDDEN, VOCABULARY, save_encoder, tiny_encoded
from tests.test_cli import files, one_error, same
from tests.tiny import tiny_bandit, tiny_hidden_state_encoder

TASK = BarcodeBandit(arms=2, contexts=3, exposures=2, pulls=4, vocabulary=5)
SIZES = {"actions": 2, "cue_size": 10, "label_count": 5, "pulls": 4, "episodes": 6}


def stacks(slots: int, key_size: int, value_size: int) -> StackMemory:
    return StackMemory(slots, key_size, value_size)


def build(**options: Any) -> EpisodicAgent:
    torch.manual_seed(0)
    encoder = KeyEncoder(embedding_size=4, hidden_layer=7)
    basic = {"hidden_size": 6, "memory": stacks, "key_source": "encoder", "encoder": encoder, "cue_input": True}
    return EpisodicAgent(**{**SIZES, **basic, **options})


@pytest.fixture(scope="module")
def agent_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agent")
    assert main(["fit", *tiny_bandit(root, "barcode_bandit_harvest", epochs=1)]) == 0
    return root / "barcode_bandit_harvest" / "version_0" / "checkpoints" / "last.ckpt"


@pytest.fixture(scope="module")
def encoder_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "encoder.ckpt")


def last(root: Path) -> Path:
    return next(root.glob("*/x")) / "checkpoints" / "last.ckpt"


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return with_prefix(read_checkpoint(checkpoint)["state_dict"], prefix)


def test_both_earlier_stages_come_over_to_the_bit_and_are_needed_no_more(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    agent, encoder = tmp_path / "agent.ckpt", tmp_path / "encoder.ckpt"
    for copy, original in ((agent, agent_checkpoint), (encoder, encoder_checkpoint)):
        copy.write_bytes(original.read_bytes())
    arguments = [*tiny_encoded(tmp_path / "runs", agent, encoder), "--model.stack_labels", "predicted"]
    assert main(["fit", *arguments]) == 0
    agent.unlink()
    encoder.unlink()
    run = last(tmp_path / "runs").parents[1]
    assert main(["test", "--ckpt_path", str(last(tmp_path / "runs"))]) == 0
    figures = (run / "metrics.json").read_bytes()
    more = ["--trainer.max_epochs", "2"]
    assert main(["fit", "--ckpt_path", str(last(tmp_path / "runs")), *more]) == 0
    saved = last(tmp_path / "runs")
    assert read_checkpoint(saved)["epoch"] == 1
    assert same(part(saved, "network."), part(agent_checkpoint, "network."))
    assert same(part(saved, "encoder."), load_embedder(encoder_checkpoint).state_dict())
    assert same(part(saved, "classifier.")["weight"], classifier_weight(encoder_checkpoint))
    assert same(load_embedder(saved).state_dict(), part(saved, "encoder."))
    assert main(["test", "--ckpt_path", str(saved)]) == 0
    assert (run / "metrics.json").read_bytes() == figures, "nothing was to learn"
    assert json.loads(figures)["test/reward"] > 0
    loaded = EpisodicAgent.load_from_checkpoint(saved)
    assert loaded.encoder is not None
    assert same(dict(loaded.encoder.state_dict()), part(saved, "encoder."))


def test_an_encoder_of_cues_is_trained_on_a_harvest_and_makes_keys(agent_checkpoint: Path, tmp_path: Path) -> None:
    assert main(["predict", "--ckpt_path", str(agent_checkpoint)]) == 0
    harvest = ["--data.harvest", str(agent_checkpoint.parents[1] / "harvest.npz"), "--data.state", "cue"]
    fit = ["fit", *tiny_hidden_state_encoder(tmp_path / "cues", epochs=1), "--run.version", "x"]
    assert main([*fit, *harvest]) == 0
    encoder = last(tmp_path / "cues")
    assert main(["test", "--ckpt_path", str(encoder)]) == 0
    arguments = [*tiny_encoded(tmp_path / "runs", agent_checkpoint, encoder), "--model.key_state", "cue"]
    assert main(["fit", *arguments]) == 0
    assert main(["test", "--ckpt_path", str(last(tmp_path / "runs"))]) == 0
    assert part(last(tmp_path / "runs"), "encoder.")["input_norm.running_mean"].shape == (10,)


def test_weights_that_have_moved_on_are_not_overwritten_by_a_resume(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    arguments = tiny_encoded(tmp_path, agent_checkpoint, encoder_checkpoint)
    arguments += ["--model.freeze_network", "false"]
    assert main(["fit", *arguments]) == 0
    moved = part(last(tmp_path), "network.")
    assert not torch.equal(moved["cell.weight"], part(agent_checkpoint, "network.")["cell.weight"])
    still = ["--trainer.max_epochs", "2", "--model.optimizer.lr", "0"]
    assert main(["fit", "--ckpt_path", str(last(tmp_path)), *still]) == 0
    assert same(part(last(tmp_path), "network."), moved)


@pytest.mark.parametrize("averaging", [None, 0.9])
def test_the_classifier_is_the_one_that_goes_with_the_encoder(averaging: float | None, tmp_path: Path) -> None:
    path = save_encoder(tmp_path / "encoder.ckpt", averaging=averaging)
    checkpoint = torch.load(path, weights_only=True)
    if averaging is not None:
        checkpoint["state_dict"]["average.module.classifier.weight"].mul_(2)
        torch.save(checkpoint, path)
    name = "objectives.parts.softmax" if averaging is None else "average.module"
    weight = classifier_weight(path)
    assert weight is not None
    assert torch.equal(weight, checkpoint["state_dict"][f"{name}.classifier.weight"])
    assert (
        classifier_weight(save_encoder(tmp_path / "triplet.ckpt", objectives=Objectives(triplet=TripletConfig())))
        is None
    )


def test_stacks_are_those_that_the_classifier_tells() -> None:
    agent = build(stack_labels="predicted")
    assert agent.memory is not None
    assert agent.classifier is not None
    assert agent.memory.stacks is not None
    spec = TASK.draw_block(3, seed=1)
    trajectory = rollout(TASK, agent.network, agent.memory, spec, keys=agent.keys)
    assert trajectory.queries is not None
    with torch.no_grad():
        stacked = torch.stack([agent.classifier(queries[-1]).argmax(dim=1) for queries in trajectory.queries])
    for b in range(3):
        assert set(agent.memory.stacks.numbers[b][agent.memory.occupied[b]].tolist()) == set(stacked[:, b].tolist())


@pytest.mark.parametrize("key_state", ["cell", "hidden"])
def test_searching_goes_by_running_statistics_in_training_too(key_state: str) -> None:
    agent, spec = build(key_state=key_state), TASK.draw_block(3, seed=1)
    before = {name: value.clone() for name, value in agent.state_dict().items()}
    queries = [
        rollout(TASK, agent.train(mode).network, agent.memory, spec, keys=agent.keys).queries for mode in (True, False)
    ]
    assert queries[0] is not None
    assert torch.equal(queries[0], queries[1])  # type: ignore[arg-type]
    assert all(torch.equal(before[name], value) for name, value in agent.state_dict().items() if "memory" not in name)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": None}, "encoder is null: key_source 'encoder' needs one"),
        ({"key_source": "hidden"}, "encoder is given with key_source 'hidden'"),
        ({"memory": None}, "memory is null: key_source 'encoder' makes keys for one"),
        ({"freeze_network": True}, "freeze_network is true: initial has to name the agent"),
        ({"read_at": "first"}, "stored_states is 'last': with read_at 'first'"),
        ({"stack_labels": "true"}, "stack_labels is 'true': it has to be one of context, predicted"),
        ({"stack_labels": "predicted", "memory": EpisodicMemory}, "stack_labels is 'predicted': the memory must be"),
        ({"stack_labels": "predicted", "memory": FuzzyMemory, "capacity": 20}, "stack_labels is 'predicted': the"),
        (
            {"stack_labels": "predicted", "encoder": None, "key_source": "context"},
            "stack_labels is 'predicted': it takes an encoder and, with online, the softmax objective",
        ),
        (
            {"stack_labels": "predicted", "online": OnlineLearning({"triplet": 1.0})},
            "stack_labels is 'predicted': it takes an encoder and, with online, the softmax objective",
        ),
        (
            {"encoder": None, "key_source": "context", "online": OnlineLearning()},
            "online is given without encoder",
        ),
        (
            {"encoder": KeyEncoder(recurrent=True), "online": OnlineLearning()},
            "encoder.recurrent is true: online learning is of single states",
        ),
        ({"encoder": KeyEncoder(layers=0)}, "layers is 0"),
    ],
)
def test_parts_that_do_not_go_together_are_named(options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        build(**options)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


def test_bad_checkpoints_are_one_line(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = save_encoder(tmp_path / "other.ckpt", input_size=HIDDEN - 1)
    few = save_encoder(tmp_path / "few.ckpt", classes=VOCABULARY - 1)
    triplet = save_encoder(tmp_path / "triplet.ckpt", objectives=Objectives(triplet=TripletConfig()))
    hidden = torch.load(encoder_checkpoint, weights_only=True)
    torch.save({**hidden, "datamodule_hyper_parameters": {"state": "hidden"}}, tmp_path / "hidden.ckpt")
    torch.save({**hidden, "datamodule_hyper_parameters": {"state": "cue"}}, tmp_path / "cue.ckpt")
    (tmp_path / "damaged.ckpt").write_bytes(encoder_checkpoint.read_bytes()[:2000])
    predicted = ["--model.stack_labels", "predicted"]
    cases: list[tuple[Path, Path, list[str], str]] = [
        (agent_checkpoint, tmp_path / "none.ckpt", [], "none.ckpt does not exist"),
        (agent_checkpoint, tmp_path / "damaged.ckpt", [], "is damaged"),
        (agent_checkpoint, agent_checkpoint, [], "holds no encoder"),
        (agent_checkpoint, other, [], "holds an encoder with input_size 49: here input_size is 50"),
        (agent_checkpoint, tmp_path / "hidden.ckpt", [], "holds an encoder of hidden states: key_state is 'cell'"),
        (agent_checkpoint, tmp_path / "cue.ckpt", [], "holds an encoder of cues: key_state is 'cell'"),
        (agent_checkpoint, encoder_checkpoint, ["--model.key_state", "cue"], "size 50: here input_size is 10"),
        (agent_checkpoint, encoder_checkpoint, ["--model.encoder.layers", "2"], "with layers 1: here layers is 2"),
        (agent_checkpoint, triplet, predicted, "holds no classifier"),
        (agent_checkpoint, few, predicted, "holds a classifier of [49, 8] [classes, embedding]: here it is [50, 8]"),
        (tmp_path / "none.ckpt", encoder_checkpoint, [], "none.ckpt does not exist"),
        (encoder_checkpoint, encoder_checkpoint, [], "holds no agent"),
        (agent_checkpoint, encoder_checkpoint, ["--model.hidden_size", "40"], "network.cell.weight of [250, 63]: here"),
    ]
    for agent, encoder, more, complaint in cases:
        assert main(["fit", *tiny_encoded(tmp_path / "runs", agent, encoder), *more]) == 2
        assert complaint in one_error(capsys)
        assert not files(tmp_path / "runs"), "a failed command left files"


def test_the_checkpoint_of_another_kind_of_encoder_is_refused(tmp_path: Path) -> None:
    drawing = torch.nn.Linear(1, 1)
    description = {"network": "Linear", "arguments": {}, "prefix": ""}
    torch.save({"state_dict": drawing.state_dict(), "embedder": description}, tmp_path / "drawing.ckpt")
    encoder = KeyEncoder(str(tmp_path / "drawing.ckpt"))
    network = encoder.build(6)
    assert isinstance(network, HiddenStateEmbedder)
    with pytest.raises(InputError, match="holds an encoder 'Linear': known are"):
        encoder.fill(network, None, needed=False, state="cell")
