"""The numbers behind the plots of hidden states, and what training and test leave in a run's folder."""

from functools import partial
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor

from callbacks.hidden_state_plots import (
    KINDS,
    HiddenStatePlots,
    by_nearest,
    embed_states,
    recognition,
    similarities,
)
from cli import main
from datamodules.hidden_states import HiddenStateDataModule
from episodic.errors import InputError
from episodic.metrics.contexts import EmbeddedStates, context_metrics, find_contexts
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from lightning_modules.hidden_state_encoder import HiddenStateEncoder
from tests.harvests import generated_harvest
from tests.tiny import tiny_hidden_state_encoder

PICTURES = ("map", "confusions", "course", "similarities")


def states(episodes: int = 10) -> EmbeddedStates:
    """Episodes of two pulls; the embeddings of a context are alike, but for noise."""
    generator = torch.Generator().manual_seed(0)
    labels = (torch.arange(episodes) % 3 * 10).repeat_interleave(2)
    points = torch.eye(31)[labels] + 0.4 * torch.randn(len(labels), 31, generator=generator)
    predicted = torch.where(torch.rand(len(labels), generator=generator) < 0.5, labels, 0 * labels + 20)
    pulls = torch.tensor([1, 2]).repeat(episodes)
    return EmbeddedStates(points, labels, pulls, pulls.flip(0), predicted)


def test_the_nearest_predicts_where_the_context_was_met_twice() -> None:
    s = states()
    alone = s._replace(labels=torch.cat([torch.tensor([30, 30]), s.labels[2:]]))
    found, nearest = by_nearest(alone), find_contexts(alone)
    assert len(found.labels) == 18
    assert torch.equal(found.predicted, nearest.labels)
    assert torch.equal(found.pulls, alone.pulls[2:])
    share = float((found.predicted == found.labels).double().mean())
    assert share == pytest.approx(float(context_metrics(alone, classified=False)["recall_at_1"]))


def test_similarities_are_of_both_kinds() -> None:
    found = context_metrics(states(), classified=False)
    legend = similarities(states(), "test").axes[0].get_legend()
    assert legend is not None
    for text, kind, name in zip(legend.get_texts(), KINDS, ("same", "different"), strict=True):
        assert text.get_text().startswith(kind)
        assert f"mean {float(found[f'similarity_{name}']):.2f})" in text.get_text()


def test_recognition_is_by_pull_and_by_exposure() -> None:
    s = states()
    lines = recognition({"classifier": s, "nothing": s.take(torch.zeros(0).long())})
    right = s.predicted == s.labels
    for kind, numbers in (("pull", s.pulls), ("exposure", s.exposures)):
        expected = {number: float(right[numbers == number].double().mean()) for number in (1, 2)}
        assert lines[kind] == {f"classifier: {right.double().mean():.3f}": pytest.approx(expected)}


# The callback


@pytest.mark.parametrize("episodes", [True, False])
def test_states_are_embedded_as_outside_training(episodes: bool, tmp_path: Path) -> None:
    data = HiddenStateDataModule(str(generated_harvest(tmp_path / "a.npz")), batch_size=5, episodes=episodes)
    data.setup("test")
    torch.manual_seed(0)
    network = partial(HiddenStateEmbedder, embedding_size=5, hidden_layer=7)
    module = HiddenStateEncoder(network, input_size=6, classes=4, averaging=0.9).train()
    raw, found = embed_states(module, data.test_dataloader())
    assert module.training
    expected: Tensor = data.states[data.parts.test].float().flatten(0, 1)
    assert torch.equal(raw, expected)
    torch.testing.assert_close(found.embeddings, module.eval().embed(expected))
    assert found.labels.tolist() == data.parts.labels[data.parts.test].repeat_interleave(3).tolist()
    assert found.pulls.tolist() == [1, 2, 3] * 8
    assert not found.embeddings.requires_grad


def test_training_and_test_leave_pictures_in_the_folder_and_in_tensorboard(tmp_path: Path) -> None:
    assert main(["fit", *tiny_hidden_state_encoder(tmp_path, "hidden_state_encoder_kaiser", epochs=1)]) == 0
    run = tmp_path / "hidden_state_encoder_kaiser" / "version_0"
    assert {path.stem for path in (run / "figures").iterdir()} == {f"states_{name}_val" for name in PICTURES}
    assert main(["test", "--ckpt_path", str(run / "checkpoints" / "best.ckpt")]) == 0
    expected = {f"states_{name}_{split}" for name in PICTURES for split in ("val", "test")}
    assert {path.stem for path in (run / "figures").iterdir()} == expected
    images: set[str] = set()
    for events in run.glob("events*"):
        images |= set(EventAccumulator(str(events)).Reload().Tags()["images"])
    assert images == {f"figures/{name}" for name in expected}


@pytest.mark.parametrize("name", ["mapped", "contexts"])
def test_bad_input_is_refused(name: str) -> None:
    with pytest.raises(InputError, match=f"^{name} is 0: it must be greater than 0"):
        HiddenStatePlots(**{name: 0})
