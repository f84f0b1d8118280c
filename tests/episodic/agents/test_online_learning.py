"""An encoder that learns while its agent plays: what it learns from, what it changes, and that it resumes exactly."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from episodic.agents.encoder_learner import no_gradient
from episodic.agents.key_encoder import KeyEncoder
from episodic.agents.online_learning import OnlineLearner, OnlineLearning
from torch import Tensor

from cli import main
from episodic.checkpoints import load_embedder, read_checkpoint, with_prefix
from episodic.errors import InputError
from episodic.memory.episodic_memory import EpisodicMemory
from episodic.memory.sampling import draw_stored
from episodic.objectives import Objectives, TripletConfig
from episodic.objectives.objectives import OBJECTIVES
from lightning_modules.episodic_agent import EpisodicAgent
from tests.episodic.memory.memory_oracle import DEVICES
from tests.lightning_modules.stages import save_encoder, tiny_encoded
from tests.test_cli import BrokenOff, assert_equal_runs, files, one_error, rows, same
from tests.test_processes import finish, start
from tests.tiny import tiny_bandit

ONLINE = "barcode_bandit_encoder_online"
BATCH, SLOTS, HIDDEN, LABELS = 6, 8, 5, 4


def filled(device: str = "cpu") -> EpisodicMemory:
    """A memory of states about a centre for each label."""
    generator = torch.Generator().manual_seed(0)
    memory = EpisodicMemory(SLOTS, 3, 2).to(device)
    memory.keep_sources(HIDDEN)
    memory.reset(BATCH)
    centres = torch.randn(LABELS, HIDDEN, generator=generator)
    for _ in range(SLOTS):
        label = torch.randint(LABELS, (BATCH,), generator=generator)
        source = centres[label] + 0.1 * torch.randn(BATCH, HIDDEN, generator=generator)
        key, value = torch.zeros(BATCH, 3), torch.zeros(BATCH, 2)
        memory.write(*(part.to(device) for part in (key, value, label)), source=source.to(device))
    return memory


def learner(objective: str = "softmax", device: str = "cpu", **options: Any) -> tuple[OnlineLearner, Any]:
    torch.manual_seed(0)
    encoder = KeyEncoder(embedding_size=3, hidden_layer=7).build(HIDDEN).to(device)
    settings = OnlineLearning({objective: 1.0}, kaiser={"memory_size": 9}, **options)
    return OnlineLearner(settings, 3, LABELS).to(device), encoder


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_lesson_is_the_objective_of_stored_states(objective: str, device: str) -> None:
    online, encoder = learner(objective, device, examples=20)
    memory = filled(device)
    twin = learner(objective, device, examples=20)
    for seed in range(2):  # Kaiser's memory has nothing to compare the first with
        lesson = online.lesson(encoder, memory, torch.Generator().manual_seed(seed))
        states, labels = draw_stored(memory, 20, torch.Generator().manual_seed(seed))
        expected = twin[0].objectives(twin[1].train().embed(states), labels)
        torch.testing.assert_close(lesson.loss, expected)
        assert not encoder.training
        assert lesson.accuracy.isnan() == (objective != "softmax")
    lesson.loss.backward()
    reached = [*encoder.parameters(), *online.objectives.parameters()]
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in reached)
    online.zero_grad()
    encoder.zero_grad()
    no_gradient(online.learned(encoder)).backward()
    assert all(parameter.grad is not None and not parameter.grad.any() for parameter in reached)


def test_where_nothing_learns_there_is_nothing_to_have_a_gradient_of_zero() -> None:
    frozen = torch.nn.Linear(2, 2).requires_grad_(False)
    for parameters in ([], list(frozen.parameters())):
        assert no_gradient(parameters).item() == 0


def test_it_learns_to_tell_the_stored_states_apart_and_the_keys_follow() -> None:
    online, encoder = learner(examples=64)
    memory, optimizer = filled(), torch.optim.Adam([*encoder.parameters(), *online.parameters()], lr=0.03)
    for seed in range(60):
        lesson = online.lesson(encoder, memory, torch.Generator().manual_seed(seed))
        optimizer.zero_grad()
        lesson.loss.backward()
        optimizer.step()
    assert lesson.accuracy == 1
    online.refresh(encoder, memory)
    with torch.no_grad():
        torch.testing.assert_close(memory.keys, encoder.embed(memory.sources.flatten(0, 1)).view_as(memory.keys))
    recall = memory.read(encoder.embed(memory.sources[:, 3]))
    assert torch.equal(recall.label, memory.labels[:, 3])


def test_without_refresh_the_keys_stay() -> None:
    online, encoder = learner(refresh=False)
    memory = filled()
    online.refresh(encoder, memory)
    assert not memory.keys.any()


def test_updates_come_every_so_many_episodes() -> None:
    online, _ = learner(every=3)
    assert [episode for episode in range(8) if online.due(episode)] == [2, 5]


@pytest.mark.parametrize(("options", "message"), [({"every": 0}, "every is 0"), ({"examples": 0}, "examples is 0")])
def test_bad_numbers_are_named(options: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        OnlineLearning(**options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def encoder_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoder(tmp_path_factory.mktemp("encoder") / "encoder.ckpt")


@pytest.fixture(scope="module")
def agent_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("agent")
    assert main(["fit", *tiny_bandit(root, "barcode_bandit_harvest", epochs=1)]) == 0
    return root / "barcode_bandit_harvest" / "version_0" / "checkpoints" / "last.ckpt"


def part(checkpoint: Path, prefix: str) -> dict[str, Tensor]:
    return with_prefix(read_checkpoint(checkpoint)["state_dict"], prefix)


def last(root: Path, version: str = "x") -> Path:
    return next(root.glob(f"*/{version}")) / "checkpoints" / "last.ckpt"


def test_only_the_encoder_changes_where_the_network_is_frozen(
    agent_checkpoint: Path, encoder_checkpoint: Path, tmp_path: Path
) -> None:
    assert main(["fit", *tiny_encoded(tmp_path, agent_checkpoint, encoder_checkpoint, ONLINE)]) == 0
    saved, start_from = last(tmp_path), load_embedder(encoder_checkpoint).state_dict()
    assert same(part(saved, "network."), part(agent_checkpoint, "network."))
    changed = part(saved, "encoder.")
    assert all(not torch.equal(changed[name], start_from[name]) for name in start_from)
    steps = 2 * 6 // 2  # blocks, episodes, every
    states = read_checkpoint(saved)["optimizer_states"]
    assert not states[0]["state"]
    assert {int(state["step"]) for state in states[1]["state"].values()} == {steps}
    assert {"train/encoder_loss", "train/encoder_accuracy"} <= set(rows(saved.parents[1])[0])
    assert main(["test", "--ckpt_path", str(saved)]) == 0


def test_an_encoder_of_cues_learns_from_the_cues_that_the_memory_holds(tmp_path: Path) -> None:
    start = save_encoder(tmp_path / "cues.ckpt", input_size=10)
    assert main(["fit", *tiny_encoded(tmp_path, None, start, ONLINE), "--model.key_state", "cue"]) == 0
    changed, start_from = part(last(tmp_path), "encoder."), load_embedder(start).state_dict()
    assert all(not torch.equal(changed[name], start_from[name]) for name in start_from)
    assert main(["test", "--ckpt_path", str(last(tmp_path))]) == 0


def test_the_classifier_goes_on_where_it_was(encoder_checkpoint: Path, tmp_path: Path) -> None:
    still = ["--model.online.optimizer.lr", "0", "--model.stack_labels", "predicted"]
    assert main(["fit", *tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE), *still]) == 0
    name = "objectives.parts.softmax.classifier."
    assert same(part(last(tmp_path), f"online.{name}"), part(encoder_checkpoint, name))
    fresh = save_encoder(tmp_path / "triplet.ckpt", objectives=Objectives(triplet=TripletConfig()))
    assert main(["fit", *tiny_encoded(tmp_path / "fresh", None, fresh, ONLINE)]) == 0


def test_the_agent_learns_as_it_does_beside_a_frozen_encoder(encoder_checkpoint: Path, tmp_path: Path) -> None:
    # With an online learning rate of 0, and no statistics to follow, all that is left is the agent's own learning:
    # a gradient from the encoder's loss into the LSTM would show.
    common = ["--model.online.optimizer.lr", "0", "--model.memory.threshold", "-1"]
    for version, scale in (("one", "1"), ("two", "30")):
        arguments = [*tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE), *common]
        arguments += ["--model.online.softmax.scale", scale, "--run.version", version]
        assert main(["fit", *arguments]) == 0
    one, two = (part(last(tmp_path, version), "network.") for version in ("one", "two"))
    assert same(one, two)


def test_a_resumed_training_equals_one_left_alone(
    encoder_checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE, epochs=3)
    arguments += ["--model.online.objectives", '{"softmax": 1.0, "kaiser": 0.5}']
    arguments += ["--model.online.kaiser.memory_size", "20"]
    assert main(["fit", *arguments, "--run.version", "whole"]) == 0
    with monkeypatch.context() as patched:
        step = EpisodicAgent.training_step

        def breaking(self: EpisodicAgent, batch: Any, batch_idx: int) -> None:
            if self.current_epoch == 1 and batch_idx == 1:
                torch.rand(3)  # a draw that the resumed training must not feel
                raise BrokenOff
            step(self, batch, batch_idx)

        patched.setattr(EpisodicAgent, "training_step", breaking)
        with pytest.raises(BrokenOff):
            main(["fit", *arguments, "--run.version", "broken"])
    runs = [last(tmp_path, version).parents[1] for version in ("whole", "broken")]
    assert main(["fit", "--ckpt_path", str(last(tmp_path, "broken"))]) == 0
    assert_equal_runs(*runs)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model.online.every", "7"], "online.every is 7: it has to be at most a block's episodes, 6"),
        (["--model.online.objectives", '{"nosuch": 1.0}'], "objectives is 'nosuch'"),
        (["--model.encoder.classes", "4"], "encoder.classes is too small: online learning has 50 labels"),
        (["--model.encoder.recurrent", "true"], "encoder.recurrent is true"),
        (["--data.vocabulary", "null"], "set data.vocabulary"),
    ],
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_encoded(tmp_path, None, None, ONLINE), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not files(tmp_path), "a failed command left files"


def test_two_processes_share_the_encoder(encoder_checkpoint: Path, tmp_path: Path) -> None:
    arguments = tiny_encoded(tmp_path, None, encoder_checkpoint, ONLINE)
    more = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.callbacks+=tests.rank_probe.RankProbe"]
    finish(start("fit", *arguments, *more))
    run = last(tmp_path).parents[1]
    one, other = (json.loads((run / f"rank_{rank}.json").read_text()) for rank in (0, 1))
    assert one["world"] == other["world"] == 2
    assert one["weights"] == other["weights"]
    assert not set(one["batches"]) & set(other["batches"])
    assert not same(part(last(tmp_path), "encoder."), dict(load_embedder(encoder_checkpoint).state_dict()))
