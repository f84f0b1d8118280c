"""The model card of an exported encoder, in Markdown."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import yaml

from episodic.drawings.omniglot.protocols import LakeProtocol
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder
from launcher.exports.card_metadata import card_metadata

#: Training data of Omniglot's protocols.
TRAINED_ON = {
    "LakeProtocol": "Omniglot's background alphabets, except for {number} that were held out for validation, chosen by "
    "the protocol's `seed`. The evaluation alphabets were used only for the test.",
    "ListedVinyalsProtocol": "1,200 of Omniglot's characters by the list of few-shot studies, except for {number} of "
    "its alphabets that were held out for validation. The other 423 characters were used only for the test.",
    "VinyalsProtocol": "characters from all of Omniglot's alphabets; others, chosen by the protocol's `seed`, were "
    "held out for validation and for the test.",
}

#: Where Omniglot comes from.
OMNIGLOT = (
    "Omniglot (Lake, Salakhutdinov and Tenenbaum 2015, doi:10.1126/science.aab3050; "
    "https://github.com/brendenlake/omniglot) is under the MIT license."
)

CARD = """\
{metadata}# {name}

{what}

```python
from episodic.checkpoints import load_embedder

embedder = load_embedder("{name}")  # frozen, in evaluation mode, single precision
{call} -> [B, {embedding_size}]
```

`{name}.ckpt` has {size:,} bytes: only the encoder, with {precision}-bit weights. `{name}.safetensors` holds the same
weights for other readers: `load_state_dict` of a `{network}` with the arguments above takes them.

## Metrics

From the test, with the weights before any rounding.

| metric | value |
|---|---:|
{metrics}

{remark}## Training

Trained on {data}

Seed {seed}, epoch {epoch}, {steps:,} optimiser steps{time}.
Exported on {machine}; the checkpoint was written by PyTorch Lightning {lightning}.

To train it again, {needs}:

```
.venv/bin/python cli.py fit --config episodic/checkpoints/shipped/{name}.yaml --run.version again
.venv/bin/python cli.py test --ckpt_path runs/{name}/again/checkpoints/best.ckpt
.venv/bin/python -m launcher.export runs/{name}/again episodic/checkpoints/shipped/{name}.ckpt \\
    --precision {precision} --overwrite
```

The full configuration, without paths:

```yaml
{config}```
"""

ROTATED = "Names that end in `_rotated` count the quarter turns of the test classes as separate classes.\n\n"
PLAIN = "All test classes are as drawn, not turned.\n\n"


def model_card(
    name: str, description: Mapping[str, Any], provenance: Mapping[str, Any], size: int, machine: str
) -> str:
    """Write the card's text, without any path of the machine.

    Args:
        name: name of the encoder.
        description: see `episodic.checkpoints.describe_embedder`.
        provenance: see `launcher.exports.provenance.read_provenance`, with `precision` and `embedding_size`.
        size: bytes of the checkpoint.
        machine: description of the machine that exports it.
    """
    config = yaml.safe_load(provenance["config"])
    metrics, seconds = provenance["metrics"], provenance["training_seconds"]
    return CARD.format(
        name=name,
        metadata=card_metadata(name, description["network"], metrics, _is_omniglot(config.get("data") or {})),
        network=description["network"],
        what=_what(description, config),
        embedding_size=provenance["embedding_size"],
        size=size,
        precision=provenance["precision"],
        metrics="\n".join(f"| {metric} | {value:.4g} |" for metric, value in metrics.items()),
        **_inputs(description, config, metrics),
        data=_data(config.get("data") or {}),
        seed=config.get("seed_everything"),
        epoch=provenance["epoch"] + 1,
        steps=provenance["global_step"],
        time="" if seconds is None else f", {seconds / 60:.1f} minutes including validation",
        machine=machine,
        lightning=provenance["pytorch_lightning"],
        config=provenance["config"],
    )


def _inputs(description: Mapping[str, Any], config: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, str]:
    """Return the parts of the card that differ between drawings and hidden states: call, remark and needs."""
    if description["network"] == HiddenStateEmbedder.__name__:
        size = description["arguments"]["input_size"]
        state = ((config.get("data") or {}).get("init_args") or {}).get("state", "cell")
        call = f"embedder.embed(states)  # {state} states [B, {size}], or those of episodes [B, T, {size}],"
        return {"call": call, "remark": "", "needs": "with an agent's harvest at `--data.harvest`"}
    return {
        "call": "embedder.embed(drawings)  # [B, 1, H, H] floats in [0, 1], ink = 1, any H >= 28",
        "remark": ROTATED if any(metric.endswith("_rotated") for metric in metrics) else PLAIN,
        "needs": "with the data under `OMNIGLOT_ROOT`",
    }


def _what(description: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{name} {value}" for name, value in description["arguments"].items())
    return f"The `{description['network']}` ({arguments}) of an `{_short(config['model'])}`."


def _data(data: Mapping[str, Any]) -> str:
    """Describe the training data, then list the settings of the data module."""
    settings = {name: value for name, value in (data.get("init_args") or {}).items() if value is not None}
    protocol, omniglot = settings.get("protocol") or {}, _is_omniglot(data)
    # Data other than Omniglot are described only by their settings.
    description = TRAINED_ON.get(_short(protocol), "") if omniglot else ""
    number = (protocol.get("init_args") or {}).get("validation_alphabets", LakeProtocol.validation_alphabets)
    listed = ", ".join(f"`{name}: {_value(value)}`" for name, value in settings.items())
    description = description.format(number=number) or "the data of these settings."
    source = f"\n\n{OMNIGLOT}" if omniglot else ""
    return f"{description}{source}\n\n`{_short(data)}` with {listed or 'its defaults'}."


def _is_omniglot(data: Mapping[str, Any]) -> bool:
    """Whether these data are Omniglot's drawings, rather than generated ones or hidden states."""
    drawings = (data.get("init_args") or {}).get("drawings") or {}
    return _short(data) == "OmniglotDataModule" and _short(drawings) != "GeneratedDrawings"


def _value(value: Any) -> str:
    """Format a setting; a part as its class with its settings."""
    if not isinstance(value, Mapping) or "class_path" not in value:
        return str(value)
    arguments = {name: number for name, number in (value.get("init_args") or {}).items() if number is not None}
    return f"{_short(value)}({', '.join(f'{name}={number}' for name, number in arguments.items())})"


def _short(part: Mapping[str, Any]) -> str:
    return str(part.get("class_path", "unknown")).rpartition(".")[2]


def machine() -> str:
    """Describe the processor, torch's threads and version, and the GPU if there is one, without the host's name."""
    threads = torch.get_num_threads()
    parts = [_processor(), f"{threads} thread{'s' if threads > 1 else ''}", f"torch {torch.__version__}"]
    if torch.cuda.is_available():
        parts.append(torch.cuda.get_device_name())
    return ", ".join(parts)


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
