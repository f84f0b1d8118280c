"""Commands that train a stage in a second: the shipped configs with small numbers."""

from pathlib import Path

from tests.harvests import generated_harvest

PROJECT = Path(__file__).resolve().parent.parent
CONFIGS = sorted((PROJECT / "configs").glob("*.yaml"))
#: What makes a task small, by the beginning of its configs' names; each block has six episodes of four steps.
SMALL: dict[str, dict[str, int]] = {
    "water_maze": {"task.contexts": 3, "task.exposures": 2, "task.length": 4, "task.width": 3, "task.height": 2},
    "contextual_choice": {"task.trials": 3, "task.length": 4, "task.quiet": 2, "task.dimensions": 5},
    "two_step": {"task.trials": 8},
    "repeat_previous": {"task.delay": 2, "task.length": 4, "task.episodes": 6},
    "compositional": {"task.classes": 6, "task.exposures": 2, "task.pulls": 4},
    "": {"task.arms": 2, "task.contexts": 3, "task.exposures": 2, "task.pulls": 4},
}
CPU = ["--trainer.accelerator", "cpu", "--trainer.devices", "1"]


def is_bandit(config: Path) -> bool:
    """Whether a config trains the agent."""
    return "EpisodicAgent" in config.read_text()


def tiny_bandit(root: Path, config: str = "barcode_bandit", epochs: int = 2) -> list[str]:
    """Arguments of `fit` for a bandit with two arms and three contexts, after the subcommand."""
    few = ["--model.memory.clusters", "3"] if config == "barcode_bandit_fuzzy" else []
    return [*_common(root, config, epochs), *_blocks(config), *few, *_alone(config)]


def is_omniglot_bandit(config: Path) -> bool:
    """Whether a config trains the agent on drawings."""
    return "OmniglotBanditDataModule" in config.read_text()


def tiny_omniglot_bandit(root: Path, drawings: Path, config: str = "omniglot_bandit", epochs: int = 2) -> list[str]:
    """Arguments of `fit` for the same bandit on generated drawings, with an encoder of random weights, if any."""
    text, model = _text(config), list[str]()
    if "perception:" in text:
        model += ["--model.perception.embedder.network", "OmniglotEmbedder"]
        model += ["--model.perception.embedder.arguments", '{"embedding_size": 8, "channels": 4}']
        model += ["--model.perception.embedder.cache_dir", str(root / "cache")]
    if "StoredDrawings" in text:
        model += ["--model.learner.trigger.updates", "2", "--model.learner.examples.count", "8"]
    return [*_common(root, config, epochs), *_blocks(config), *_generated(root, drawings), *model, *_alone(config)]


def _blocks(config: str) -> list[str]:
    """A few small blocks."""
    numbers = {
        **next(small for name, small in SMALL.items() if config.startswith(name)),
        "environments": 4,
        "blocks_per_epoch": 2,
        "val_environments": 4,
        "test_environments": 4,
        "test_blocks": 2,
        "predict_environments": 4,
        "predict_blocks": 2,
    }
    return [part for name, number in numbers.items() for part in (f"--data.{name}", str(number))]


def _alone(config: str) -> list[str]:
    """What lets an agent that builds upon earlier stages start without them."""
    return ["--model.warm_start", "null"] if "warm_start:" in _text(config) else []


def tiny_autoencoder(root: Path, drawings: Path, config: str = "autoencoder", epochs: int = 2) -> list[str]:
    """Arguments of `fit` for the autoencoder on generated drawings, after the subcommand."""
    numbers = ["--data.batch_size", "64", "--model.network.latent_size", "8", "--model.network.channels", "4"]
    few = ["--model.few_shot_episodes", "10", *_composites(config)]
    # The generated drawings have too few classes for the 20 ways that this config goes by.
    monitor = ["--checkpoint.monitor", "val/recall_at_1"] if config == "autoencoder_denoising" else []
    return [*_common(root, config, epochs), *_generated(root, drawings), *numbers, *few, *monitor]


def is_encoder(config: Path) -> bool:
    """Whether a config trains the encoder of drawings."""
    return "OmniglotEncoder" in config.read_text()


def tiny_encoder(root: Path, drawings: Path, config: str = "omniglot_encoder", epochs: int = 2) -> list[str]:
    """Arguments of `fit` for the encoder on a few generated drawings, after the subcommand."""
    data = ["--data.protocol.classes", "4", "--data.batch_size", "40"]
    model = ["--model.network.embedding_size", "8", "--model.network.channels", "4", "--model.few_shot_episodes", "10"]
    return [*_common(root, config, epochs), *_generated(root, drawings), *data, *model, *_composites(config)]


def is_hidden_state_encoder(config: Path) -> bool:
    """Whether a config trains the encoder of hidden states."""
    return "HiddenStateEncoder" in config.read_text()


def tiny_hidden_state_encoder(root: Path, config: str = "hidden_state_encoder", epochs: int = 2) -> list[str]:
    """Arguments of `fit` for the encoder on a small generated harvest in `root`, after the subcommand."""
    harvest = root / "harvest.npz"
    if not harvest.is_file():
        generated_harvest(harvest)
    data = ["--data.harvest", str(harvest), "--data.batch_size", "16", "--data.steps", "3"]
    if config == "hidden_state_encoder_triplet":
        data += ["--data.per_class", "4"]
    model = ["--model.network.embedding_size", "8", "--model.network.hidden_layer", "12"]
    return [*_common(root, config, epochs), *data, *model]


def tiny(config: Path, root: Path, drawings: Path, epochs: int = 2) -> list[str]:
    """Arguments of `fit` for the small twin of any shipped config."""
    if is_omniglot_bandit(config):
        return tiny_omniglot_bandit(root, drawings, config.stem, epochs)
    if is_bandit(config):
        return tiny_bandit(root, config.stem, epochs)
    if is_encoder(config):
        return tiny_encoder(root, drawings, config.stem, epochs)
    if is_hidden_state_encoder(config):
        return tiny_hidden_state_encoder(root, config.stem, epochs)
    return tiny_autoencoder(root, drawings, config.stem, epochs)


def _generated(root: Path, drawings: Path) -> list[str]:
    data = ["--data.root", str(drawings), "--data.drawings.check_counts", "false"]
    return [*data, "--data.protocol.validation_alphabets", "2", "--data.cache_dir", str(root / "cache")]


def _composites(config: str) -> list[str]:
    """As few composites as can be, for a config that trains on some."""
    return ["--data.composite_classes", "2"] if "composite_classes" in _text(config) else []


def _text(config: str) -> str:
    return (PROJECT / "configs" / f"{config}.yaml").read_text()


def _common(root: Path, config: str, epochs: int) -> list[str]:
    place = ["--run.root", str(root), "--trainer.max_epochs", str(epochs)]
    return ["--config", str(PROJECT / "configs" / f"{config}.yaml"), *place, *CPU]
