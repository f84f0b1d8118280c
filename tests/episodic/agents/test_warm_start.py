"""Which weights come from which checkpoint, and the checkpoints that do not fit."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from episodic.agents.agent import Agent
from episodic.agents.drawing_embedder_config import DrawingEmbedderConfig
from episodic.agents.keys import Keys
from episodic.agents.perception import Perception
from episodic.agents.state_embedder_config import StateEmbedderConfig
from episodic.agents.warm_start import WarmStart
from episodic.checkpoints import EMBEDDER_KEY, describe_embedder
from episodic.errors import InputError
from episodic.memory.stack_memory import StackMemory
from episodic.networks.cosine_classifier import CosineClassifier
from episodic.networks.embedder import Embedder
from episodic.networks.episodic_gru import EpisodicGRU
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from tests.episodic.agents.agents import HIDDEN, SEES, TASK, build

SIZES: dict[str, Any] = {"embedding_size": 4, "hidden_layer": 7}
DRAWN = {"embedding_size": 3, "channels": 2}


def agent(seed: int = 0, **options: Any) -> Agent:
    keys = Keys("hidden", embedder=StateEmbedderConfig(**SIZES))
    return build(seed=seed, **{"memory": StackMemory, "perception": SEES, "keys": keys, **options})


def save(path: Path, state: dict[str, Tensor], prefix: str, embedder: Embedder | None = None, **more: Any) -> str:
    checkpoint = {"state_dict": {prefix + name: value for name, value in state.items()}, **more}
    if embedder is not None:
        checkpoint[EMBEDDER_KEY] = describe_embedder(embedder, prefix)
    torch.save(checkpoint, path)
    return str(path)


def save_keys(path: Path, classes: int | None = None, state: str | None = None, **options: Any) -> str:
    """A checkpoint of an encoder of states, with a classifier if a number of classes is given."""
    torch.manual_seed(9)
    network = HiddenStateEmbedder(**{"input_size": HIDDEN, **SIZES, **options})
    network.embed(torch.randn(30, network.input_size))
    name = save(
        path, network.state_dict(), "network.", network, datamodule_hyper_parameters={"state": state} if state else {}
    )
    if classes is not None:
        checkpoint = torch.load(name, weights_only=True)
        checkpoint["state_dict"]["objectives.parts.softmax.classifier.weight"] = torch.randn(classes, 4)
        torch.save(checkpoint, path)
    return name


def equal(one: Any, other: Any) -> bool:
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def embedder_of(one: Agent) -> HiddenStateEmbedder:
    assert one.memory is not None
    assert one.memory.embedder is not None
    return one.memory.embedder


# ------------------------------------------------------------------------------------------------ agents


@pytest.mark.parametrize("perception", [SEES, Perception(cue_input=True, cue_projection=2)])
def test_projection_core_and_heads_are_copied_and_the_memory_is_not(perception: Perception, tmp_path: Path) -> None:
    trained, fresh = (agent(seed, perception=perception) for seed in (1, 2))
    embedder = {name: value.clone() for name, value in embedder_of(fresh).state_dict().items()}
    WarmStart(save(tmp_path / "a.ckpt", trained.state_dict(), "agent.")).fill_agent(fresh)
    assert equal(trained.core, fresh.core)
    assert equal(trained.heads, fresh.heads)
    assert perception.cue_projection is None or equal(trained.projection, fresh.projection)
    assert all(torch.equal(embedder[name], value) for name, value in embedder_of(fresh).state_dict().items())


def test_an_agent_may_start_from_one_with_another_memory(tmp_path: Path) -> None:
    trained, fresh = agent(1, keys=Keys()), agent(2)
    WarmStart(save(tmp_path / "a.ckpt", trained.state_dict(), "agent.")).fill_agent(fresh)
    assert equal(trained.core, fresh.core)


@pytest.mark.parametrize(
    ("options", "prefix", "message"),
    [
        ({"core": EpisodicGRU}, "agent.", "contains no agent with this structure"),
        (
            {"memory": None, "keys": None},
            "agent.",
            r"contains an agent with core.weight of \[24, 15\]: here it is \[30, 15\]",
        ),
        ({"perception": Perception(cue_input=True, cue_projection=2)}, "agent.", "contains no agent"),
        ({}, "network.", "contains no agent"),
    ],
    ids=["other core", "no gate", "projection", "old names"],
)
def test_agents_that_do_not_fit_are_named(options: Any, prefix: str, message: str, tmp_path: Path) -> None:
    name = save(tmp_path / "a.ckpt", agent(1, **options).state_dict(), prefix)
    with pytest.raises(InputError, match=f"a.ckpt {message}") as error:
        WarmStart(name).fill_agent(agent(2))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("saved", "cue_input", "scale", "fits"),
    [
        ({"cue_scale": 0.1}, True, 0.1, True),
        ({"cue_scale": 0.1}, True, 1.0, False),
        ({"cue_scale": 0.1}, False, 1.0, True),  # the core sees no cue
        ({}, True, 1.0, True),
        ({}, True, 0.1, False),
    ],
)
def test_an_agent_that_was_trained_on_cues_of_another_scale_is_named(
    saved: dict[str, float], cue_input: bool, scale: float, fits: bool, tmp_path: Path
) -> None:
    perception = Perception(cue_input=cue_input, cue_scale=scale)
    trained, fresh = (agent(seed, keys=Keys(), perception=perception) for seed in (1, 2))
    settings = {"perception": {"class_path": "Perception", "init_args": saved}}
    name = save(tmp_path / "a.ckpt", trained.state_dict(), "agent.", hyper_parameters=settings)
    if fits:
        WarmStart(name).fill_agent(fresh)
        return
    before = {key: value.clone() for key, value in fresh.state_dict().items()}
    with pytest.raises(InputError, match=rf"perception.cue_scale {saved.get('cue_scale', 1.0)}: here it is {scale}$"):
        WarmStart(name).fill_agent(fresh)
    assert all(torch.equal(before[key], value) for key, value in fresh.state_dict().items())


def test_a_checkpoint_that_is_not_there_is_named() -> None:
    start = WarmStart("none.ckpt", "none.ckpt")
    with pytest.raises(InputError, match=r"^checkpoint none.ckpt does not exist"):
        start.fill_agent(agent())
    with pytest.raises(InputError, match=r"^checkpoint none.ckpt does not exist"):
        start.fill_keys(agent(), None)


# ------------------------------------------------------------------------------------------------ embedders of keys


def test_embedder_and_classifier_are_copied(tmp_path: Path) -> None:
    fresh, classifier, name = agent(), CosineClassifier(TASK.label_count, 4), save_keys(tmp_path / "k.ckpt", 4, "cell")
    WarmStart(keys=name).fill_keys(fresh, classifier)
    saved = torch.load(name, weights_only=True)["state_dict"]
    assert all(torch.equal(saved[f"network.{name}"], value) for name, value in embedder_of(fresh).state_dict().items())
    assert torch.equal(classifier.weight, saved["objectives.parts.softmax.classifier.weight"])


@pytest.mark.parametrize("classes", [None, 3])
def test_a_classifier_that_does_not_fit_is_left_out_unless_it_is_needed(classes: int | None, tmp_path: Path) -> None:
    name, classifier = save_keys(tmp_path / "k.ckpt", classes), CosineClassifier(TASK.label_count, 4)
    before = classifier.weight.detach().clone()
    WarmStart(keys=name).fill_keys(agent(), classifier)
    assert torch.equal(classifier.weight, before)
    predicted = agent(keys=Keys("hidden", labels="predicted", embedder=StateEmbedderConfig(**SIZES)))
    message = "contains no classifier" if classes is None else r"contains a classifier of \[3, 4\]"
    with pytest.raises(InputError, match=message):
        WarmStart(keys=name).fill_keys(predicted, classifier)


def test_an_embedder_of_keys_may_come_from_an_agent(tmp_path: Path) -> None:
    trained, fresh = agent(1), agent(2)
    embedder = embedder_of(trained)
    name = save(tmp_path / "a.ckpt", embedder.state_dict(), "agent.memory.embedder.", embedder)
    WarmStart(keys=name).fill_keys(fresh, None)
    assert equal(embedder_of(fresh), embedder)


@pytest.mark.parametrize(
    ("options", "saved", "message"),
    [
        ({}, {"input_size": 5}, "contains an encoder with input_size 5: here input_size is 6"),
        ({}, {"layers": 2}, "with layers 2: here layers is 1"),
        ({}, {"state": "hidden"}, "contains an encoder of hidden states: keys.source is 'hidden', keys.state 'cell'"),
        ({}, {"state": "cue"}, "contains an encoder of cues: keys.source is 'hidden'"),
        ({"source": "context"}, {"state": "cell", "input_size": 5}, "contains an encoder of cell states: keys.source"),
        ({"source": "input"}, {"state": "cell", "input_size": 9}, "contains an encoder of cell states: keys.source"),
        ({"embedder": None}, {}, "warm_start.keys is given: keys.embedder"),
    ],
)  # fmt: skip
def test_embedders_that_do_not_fit_are_named(options: Any, saved: Any, message: str, tmp_path: Path) -> None:
    keys = Keys(**{"source": "hidden", "embedder": StateEmbedderConfig(**SIZES), **options})
    with pytest.raises(InputError, match=message) as error:
        WarmStart(keys=save_keys(tmp_path / "k.ckpt", **saved)).fill_keys(agent(keys=keys), None)
    assert "\n" not in str(error.value)


def test_an_embedder_of_cues_fits_the_source_context(tmp_path: Path) -> None:
    fresh, name = (
        agent(keys=Keys(embedder=StateEmbedderConfig(**SIZES))),
        save_keys(tmp_path / "k.ckpt", state="cue", input_size=5),
    )
    WarmStart(keys=name).fill_keys(fresh, None)
    assert torch.equal(
        embedder_of(fresh).head.weight, torch.load(name, weights_only=True)["state_dict"]["network.head.weight"]
    )


# ------------------------------------------------------------------------------------------------ drawings


def test_the_embedder_of_drawings_is_copied(tmp_path: Path) -> None:
    torch.manual_seed(1)
    trained, fresh = (DrawingEmbedderConfig(arguments=DRAWN).build() for _ in range(2))
    WarmStart(drawings=save(tmp_path / "d.ckpt", trained.state_dict(), "network.", trained)).fill_drawings(fresh)
    assert equal(trained, fresh)
    shipped = DrawingEmbedderConfig("ConvolutionalAutoencoder", {"latent_size": 64, "blocks": 1}).build()
    WarmStart(drawings="omniglot_autoencoder").fill_drawings(shipped)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (DrawingEmbedderConfig(arguments={**DRAWN, "embedding_size": 9}), "with embedding_size 3: here embedding_size"),
        (DrawingEmbedderConfig(arguments={**DRAWN, "views": True}), "with views False: here views is True"),
        (DrawingEmbedderConfig("TwoLayerAutoencoder"), "contains an encoder OmniglotEmbedder: here it is TwoLayerAuto"),
        (None, "warm_start.drawings is given: perception.embedder"),
    ],
)
def test_another_embedder_of_drawings_is_named(settings: Any, message: str, tmp_path: Path) -> None:
    trained = DrawingEmbedderConfig(arguments=DRAWN).build()
    name = save(tmp_path / "d.ckpt", trained.state_dict(), "network.", trained)
    with pytest.raises(InputError, match=message) as error:
        WarmStart(drawings=name).fill_drawings(settings.build() if settings is not None else None)
    assert "\n" not in str(error.value)


def test_nothing_given_changes_nothing() -> None:
    for start in (WarmStart(), WarmStart("", "", "")):
        one, twin = agent(), agent()
        start.fill_agent(one)
        start.fill_keys(one, None)
        start.fill_drawings(None)
        assert equal(one, twin)
