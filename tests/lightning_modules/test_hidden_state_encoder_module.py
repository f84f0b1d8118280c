"""The hidden-state encoder as a stage: what it trains, starts from, logs and passes on."""

import csv
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from cli import main
from datamodules.state_batches import StateBatch
from episodic.checkpoints import EMBEDDER_KEY, load_embedder, read_checkpoint
from episodic.errors import InputError
from episodic.metrics.contexts import EmbeddedStates, context_metrics
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from episodic.objectives.kaiser import KaiserConfig
from episodic.objectives.objectives import Objectives
from episodic.objectives.softmax import SoftmaxConfig
from episodic.objectives.triplet import TripletConfig
from lightning_modules.hidden_state_encoder import HiddenStateEncoder, embedded_states
from lightning_modules.randomness import step_generator
from tests.harvests import generated_harvest
from tests.runs import files, one_error
from tests.tiny import tiny_encoder, tiny_hidden_state_encoder

ALL = ["--model.objectives.triplet.weight", "0.5"]
ALL += ["--model.objectives.kaiser.weight", "0.5", "--model.objectives.kaiser.memory_size", "20"]
#: Each loss alone.
ALONE = {
    "softmax": Objectives(softmax=SoftmaxConfig()),
    "triplet": Objectives(triplet=TripletConfig()),
    "kaiser": Objectives(kaiser=KaiserConfig(memory_size=9)),
}


def build(**options: Any) -> HiddenStateEncoder:
    torch.manual_seed(0)
    arguments = {"embedding_size": 6, "hidden_layer": 7, **options.pop("arguments", {})}
    return HiddenStateEncoder(partial(HiddenStateEmbedder, **arguments), **{"input_size": 5, "classes": 4, **options})


def batch(seed: int = 0, pulls: int | None = None) -> StateBatch:
    """States of four contexts, or episodes."""
    generator = torch.Generator().manual_seed(seed)
    shape = (12, 5) if pulls is None else (12, pulls, 5)
    step = torch.randint(1, 4, (12,), generator=generator) if pulls is None else torch.full((12,), pulls)
    inputs = torch.randn(shape, generator=generator)
    return StateBatch(inputs, torch.arange(12) % 4, step, torch.arange(12) // 4 + 1)


def gradient_sizes(module: nn.Module) -> list[float]:
    return [0.0 if p.grad is None else float(p.grad.abs().max()) for p in module.parameters()]


@pytest.mark.parametrize("pulls", [None, 3])
@pytest.mark.parametrize("name", ALONE)
def test_every_objective_reaches_every_weight_of_the_network(name: str, pulls: int | None) -> None:
    module = build(objectives=ALONE[name], arguments={"recurrent": pulls is not None}).train()
    for seed in range(3):  # the memory's first batch has nothing to be compared with
        module.zero_grad()
        module.training_step(batch(seed, pulls), 0).backward()
    assert min(gradient_sizes(module.network)) > 0
    assert min(gradient_sizes(module.objectives), default=1.0) > 0


@pytest.mark.parametrize("recurrent", [True, False])
def test_the_loss_of_episodes_is_over_all_their_pulls(recurrent: bool) -> None:
    module = build(arguments={"recurrent": recurrent}).train()
    inputs, labels, *_ = batch(pulls=3)
    loss = module.training_step(batch(pulls=3), 0)
    embeddings = module.network.embed_all(inputs)
    softmax = module.objectives.softmax
    assert softmax is not None
    parts = torch.stack([softmax(embeddings[:, pull], labels) for pull in range(3)])
    torch.testing.assert_close(loss, parts.mean())
    right = (softmax.cosines(embeddings.flatten(0, 1)).argmax(dim=1).view(12, 3) == labels.unsqueeze(1)).float().mean()
    torch.testing.assert_close(module.means["accuracy"].compute(), right)  # type: ignore[operator]


# Stripping the classifier off


@pytest.mark.parametrize("averaging", [None, 0.9])
def test_embed_is_the_layer_under_the_classifier_while_it_trains(averaging: float | None) -> None:
    module = build(averaging=averaging).train()
    softmax = module.objectives.softmax
    assert softmax is not None
    before = softmax.classifier.weight.detach().clone()
    embedding = module.embed(batch()[0])
    assert embedding.shape == (12, 6)
    torch.testing.assert_close(softmax.logits(embedding), module(batch()[0]))
    # No copy: the gradient of what is made of the embedding reaches the network in training, and no further.
    embedding[:, 0].sum().backward()
    assert min(gradient_sizes(module.network)) > 0
    assert softmax.classifier.weight.grad is None
    assert torch.equal(softmax.classifier.weight, before)
    assert module.training
    assert module.embed(batch(pulls=3)[0]).shape == (12, 6)
    assert module.embed_all(batch(pulls=3)[0]).shape == (12, 3, 6)


def test_without_softmax_there_are_no_logits() -> None:
    module = build(objectives=ALONE["triplet"], classes=None)
    with pytest.raises(InputError, match=r"^objectives has no softmax"):
        module(batch()[0])
    assert set(module.eval().evaluate(batch())[1][..., 3].flatten().tolist()) == {-1}


# Noise


def test_noise_is_in_units_of_the_states_own() -> None:
    module, scale = build(noise=0.5), torch.tensor([0.1, 1.0, 10.0, 3.0, 0.5])
    module.network.input_norm.running_var = scale.square()
    inputs = torch.randn(4000, 5, generator=torch.Generator().manual_seed(1))
    changed = module.augmented(inputs, step_generator(module, 0)) - inputs
    torch.testing.assert_close(changed.std(dim=0), 0.5 * scale, rtol=0.05, atol=0)
    assert torch.equal(module.augmented(inputs, step_generator(module, 0)) - inputs, changed)
    assert not torch.allclose(module.augmented(inputs, step_generator(module, 1)) - inputs, changed)
    assert build().augmented(inputs, step_generator(module, 0)) is inputs
    assert torch.equal(module.eval().evaluate(batch())[0][:, 0], module.embed(batch()[0]))


# Evaluation


@pytest.mark.parametrize("averaging", [None, 0.5])
def test_what_is_known_of_each_state(averaging: float | None) -> None:
    module = build(averaging=averaging).eval()
    inputs, labels, pulls, exposures = batch()
    states = embedded_states(*module.evaluate(batch()))
    assert torch.equal(states.embeddings, module.embed(inputs))
    assert [part.tolist() for part in states[1:4]] == [part.tolist() for part in (labels, pulls, exposures)]
    assert torch.equal(states.predicted, module(inputs).argmax(dim=1))


@pytest.mark.parametrize("recurrent", [True, False])
def test_what_is_known_of_each_pull_of_an_episode(recurrent: bool) -> None:
    module = build(arguments={"recurrent": recurrent}).eval()
    inputs, labels, _, exposures = batch(pulls=3)
    embeddings, facts = module.evaluate(batch(pulls=3))
    assert embeddings.shape == (12, 3, 6)
    states = embedded_states(embeddings, facts)
    for row in range(36):
        episode, pull = divmod(row, 3)
        assert [int(part[row]) for part in states[1:4]] == [int(labels[episode]), pull + 1, int(exposures[episode])]
        so_far = inputs[episode : episode + 1, : pull + 1]
        torch.testing.assert_close(states.embeddings[row], module.embed(so_far)[0])
        assert int(states.predicted[row]) == int(module(so_far).argmax())
    assert states.episodes.tolist() == [row // 3 for row in range(36)]


# Starting from another encoder


def saved(module: HiddenStateEncoder, path: Path) -> Path:
    """What Lightning would save, as far as it matters here."""
    checkpoint: dict[str, Any] = {"state_dict": module.state_dict()}
    module.on_save_checkpoint(checkpoint)
    assert EMBEDDER_KEY in checkpoint
    torch.save(checkpoint, path)
    return path


def other_encoder(averaging: float | None = None) -> HiddenStateEncoder:
    """One whose network has statistics of its own."""
    module = build(averaging=averaging, classes=9)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.1)
    module.network.embed(batch(5)[0] * 3 + 1)
    return module


@pytest.mark.parametrize("averaging", [None, 0.5])
def test_it_starts_from_another_encoders_network_once(averaging: float | None, tmp_path: Path) -> None:
    other, path = other_encoder(), tmp_path / "other.ckpt"
    module = build(fine_tune=str(saved(other, path)), averaging=averaging)
    classifier = {name: value.clone() for name, value in module.objectives.state_dict().items()}
    assert not bool(module.fine_tuned)
    module.on_fit_start()
    assert bool(module.fine_tuned)
    for name, value in other.network.state_dict().items():
        assert torch.equal(module.network.state_dict()[name], value)
    assert torch.equal(module.eval().embed(batch()[0]), other.eval().embed(batch()[0]))  # averaged, if there is that
    assert all(torch.equal(value, classifier[name]) for name, value in module.objectives.state_dict().items())
    # As after a resume, what has been learned since stays, and the file is not needed.
    path.unlink()
    with torch.no_grad():
        module.network.head.weight.add_(1)
    learned = module.network.head.weight.clone()
    resumed = build(fine_tune=str(path), averaging=averaging)
    resumed.load_state_dict(module.state_dict())
    resumed.on_fit_start()
    assert torch.equal(resumed.network.head.weight, learned)


def test_the_head_alone_learns_where_that_is_asked_for(tmp_path: Path) -> None:
    module = build(fine_tune=str(saved(other_encoder(), tmp_path / "a.ckpt")), trained="head", averaging=0.9)
    module.on_fit_start()
    module.train()
    before = {name: value.clone() for name, value in module.network.state_dict().items()}
    inputs = batch()[0]
    embedding = module.embed(inputs)
    optimizer = torch.optim.AdamW([*module.network.parameters(), *module.objectives.parameters()], lr=0.1)
    losses = []
    for step in range(20):
        optimizer.zero_grad()
        loss = module.training_step(batch(), step)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert all(torch.equal(value, before[name]) for name, value in module.network.state_dict().items())
    assert torch.equal(module.embed(inputs), embedding)
    assert losses[-1] < 0.7 * losses[0]
    assert not module.network.training
    assert module.objectives.training


@pytest.mark.parametrize(
    ("complaint", "options"),
    [
        ("input_size is null", {"input_size": None}),
        ("input_size is 0: it must be greater than 0", {"input_size": 0}),
        ("classes is null", {"classes": None}),
        ("hidden_layer is -1", {"arguments": {"hidden_layer": -1}}),
        ("layers is 0", {"arguments": {"layers": 0}}),
        ("objectives is empty", {"objectives": Objectives()}),
        ("noise is -0.1: it must be 0 or more", {"noise": -0.1}),
        ("averaging is 1.0: it must be at least 0 and below 1", {"averaging": 1.0}),
        ("trained is 'body': it must be one of all, head", {"trained": "body"}),
        ("trained is 'head': fine_tune must name the encoder", {"trained": "head"}),
        ("trained is 'head': objectives must have softmax", {"trained": "head", "objectives": ALONE["kaiser"]}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_arguments_are_named(complaint: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as error:
        build(**options)
    assert str(error.value).startswith(complaint)
    assert "\n" not in str(error.value)


# Whole runs


@pytest.fixture(scope="module")
def encoder_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("runs")
    assert main(["fit", *tiny_hidden_state_encoder(root), "--model.averaging", "0.5"]) == 0
    return root / "hidden_state_encoder" / "version_0"


def best(run: Path) -> str:
    return str(run / "checkpoints" / "best.ckpt")


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def metrics(run: Path) -> dict[str, float]:
    found: dict[str, float] = json.loads((run / "metrics.json").read_text())
    return found


def test_test_and_predict_say_what_the_embedding_does(encoder_run: Path) -> None:
    for command in ("test", "predict"):
        assert main([command, "--ckpt_path", best(encoder_run)]) == 0
    with np.load(encoder_run / "predictions.npz") as stored:
        embeddings = torch.from_numpy(stored["embedding"])
        labels, pulls, exposures = (torch.from_numpy(stored[name]) for name in ("label", "pull", "exposure"))
    assert embeddings.shape == (8 * 3, 8)  # one block of eight episodes
    states = EmbeddedStates(embeddings, labels, pulls, exposures, labels)
    expected = {f"test/{name}": float(value) for name, value in context_metrics(states, classified=False).items()}
    found = metrics(encoder_run)
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    more = {"accuracy", *(f"accuracy_pull_{n:02d}" for n in (1, 2, 3)), "accuracy_exposure_01", "accuracy_exposure_02"}
    assert found.keys() - expected.keys() == {f"test/{name}" for name in more}
    assert found["test/accuracy"] == pytest.approx(sum(found[f"test/accuracy_pull_{n:02d}"] for n in (1, 2, 3)) / 3)
    log = rows(encoder_run)[-1]
    assert {f"val/{name.removeprefix('test/')}" for name in found} <= set(log)
    assert {"train/loss", "train/softmax", "train/accuracy", "train/learning_rate"} <= set(log)
    assert log["step"] == "6"  # two epochs of three batches


def test_accuracy_is_told_where_the_classifier_knows_the_contexts(tmp_path: Path) -> None:
    for option in ("--data.split.by=context", "--data.labels=cues", "--model.objectives={softmax: null, triplet: {}}"):
        harvest = generated_harvest(tmp_path / "harvest.npz", contexts=8)
        arguments = [*tiny_hidden_state_encoder(tmp_path, epochs=1), "--run.version", option[7:10]]
        assert main(["fit", *arguments, option, "--data.harvest", str(harvest)]) == 0
        log = rows(tmp_path / "hidden_state_encoder" / option[7:10])[-1]
        assert float(log["val/recall_at_1"]) > 0.2
        assert not [name for name in log if name.startswith("val/accuracy")]


def test_the_embedder_is_the_averaged_one(encoder_run: Path) -> None:
    embedder = load_embedder(best(encoder_run))
    module = HiddenStateEncoder.load_from_checkpoint(best(encoder_run)).eval()
    assert isinstance(embedder, HiddenStateEmbedder)
    states = torch.randn(5, 6)
    assert torch.equal(embedder.embed(states), module.embed(states))
    assert not torch.allclose(embedder.embed(states), module.network.embed(states), atol=1e-4)
    assert module(states).shape == (5, 4)


def test_episodes_and_single_states_give_the_same_figures(encoder_run: Path, tmp_path: Path) -> None:
    found = []
    for episodes in ("false", "true"):
        place = ["--run.root", str(tmp_path), "--run.version", episodes, "--data.episodes", episodes]
        assert main(["test", "--ckpt_path", best(encoder_run), *place]) == 0
        found.append(metrics(tmp_path / "hidden_state_encoder" / episodes))
    assert found[0] == pytest.approx(found[1])


def test_a_recurrent_encoder_learns_what_later_pulls_say(tmp_path: Path) -> None:
    arguments = tiny_hidden_state_encoder(tmp_path, "hidden_state_encoder_recurrent", epochs=3)
    more = ["--data.batch_size", "24", "--data.steps", "2", "--model.optimizer.lr", "0.03"]
    assert main(["fit", *arguments, *more]) == 0
    run = tmp_path / "hidden_state_encoder_recurrent" / "version_0"
    assert main(["test", "--ckpt_path", best(run)]) == 0
    assert metrics(run)["test/accuracy"] > 0.7
    embedder = load_embedder(best(run))
    assert isinstance(embedder, HiddenStateEmbedder)
    assert embedder.recurrent


def test_a_fine_tuned_encoder_outlives_the_one_it_came_from(encoder_run: Path, tmp_path: Path) -> None:
    source = tmp_path / "source.ckpt"
    source.write_bytes(Path(best(encoder_run)).read_bytes())
    harvest = generated_harvest(tmp_path / "other.npz", contexts=5, seed=1)
    options = ["--data.harvest", str(harvest), "--model.fine_tune", str(source), "--model.trained", "head"]
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path, epochs=1), *options]) == 0
    run = tmp_path / "hidden_state_encoder" / "version_0"
    source.unlink()
    last = str(run / "checkpoints" / "last.ckpt")
    assert main(["test", "--ckpt_path", last]) == 0
    assert main(["fit", "--ckpt_path", last, "--trainer.max_epochs", "2"]) == 0
    weights = load_embedder(best(encoder_run)).state_dict()
    for name, value in load_embedder(last).state_dict().items():
        assert torch.equal(value, weights[name]), name
    state = read_checkpoint(last)["state_dict"]
    assert bool(state["fine_tuned"])
    assert state["objectives.parts.softmax.classifier.weight"].shape == (5, 8)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--model.input_size", "7"], "model.input_size is 7: the data's is 6"),
        (["--model.classes", "7"], "model.classes is 7: the data's is 4"),
        (["--model.network.recurrent", "true"], "data.episodes is false: a recurrent network needs whole episodes"),
        (["--model.fine_tune", "none.ckpt"], "checkpoint none.ckpt does not exist"),
        (["--model.trained", "head"], "trained is 'head': fine_tune must name"),
        (["--model.objectives.softmax.margins", "0.1"], "margins"),
        (["--trainer.callbacks.mapped", "0"], "mapped is 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line(
    arguments: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path), *arguments]) == 2
    assert complaint in one_error(capsys)
    assert not (tmp_path / "hidden_state_encoder").exists(), "a failed command left a run"


def test_other_states_are_one_line(encoder_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(encoder_run)
    wider = generated_harvest(tmp_path / "wider.npz", size=9)
    for command in ("test", "predict"):
        place = ["--run.root", str(tmp_path / "runs"), "--run.version", "a", "--data.harvest", str(wider)]
        assert main([command, "--ckpt_path", best(encoder_run), *place]) == 2
        one_error(capsys)
    fine_tune = ["--data.harvest", str(wider), "--model.fine_tune", best(encoder_run)]
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path), *fine_tune]) == 2
    assert "contains an encoder with input_size 6: here input_size is 9" in one_error(capsys)
    assert files(encoder_run) == before
    assert not (tmp_path / "hidden_state_encoder").exists()


def test_the_pictures_are_of_a_hidden_state_encoder(
    tmp_path: Path, generated_omniglot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*tiny_encoder(tmp_path, generated_omniglot), "--trainer.callbacks", "HiddenStatePlots"]
    assert main(["fit", *arguments]) == 2
    assert "HiddenStatePlots needs HiddenStateEncoder, not OmniglotEncoder" in one_error(capsys)
