"""The model card of a shipped encoder, in Markdown."""

import platform
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
import yaml

from episodic.drawings.omniglot_protocols import VALIDATION_ALPHABETS
from episodic.networks.hidden_state_embedder import HiddenStateEmbedder

#: What the protocols of Omniglot train on.
TRAINED_ON = {
    "lake": "Omniglot's background alphabets, but for {number} that were held out whole for validation, chosen by "
    "`split_seed`. The evaluation alphabets were for the test alone.",
    "vinyals": "characters out of all of Omniglot's alphabets; others, chosen by `split_seed`, were held out for "
    "validation and for the test.",
}

CARD = """\
# {name}

{what}

```python
from episodic.checkpoints import load_embedder

embedder = load_embedder("{name}")  # frozen, in evaluation mode, single precision
{call} -> [B, {embedding_size}]
```

`{name}.ckpt` has {size:,} bytes: the encoder alone, weights of {precision} bits.

## Figures

Of the test, with the weights as they were before any rounding.

| figure | value |
|---|---:|
{figures}

{remark}## Training

Trained on {data}

Seed {seed}, epoch {epoch}, {steps:,} steps of the optimiser{time}.
Exported on {machine}; the checkpoint was written by PyTorch Lightning {lightning}.

Once more, {needs}:

```
.venv/bin/python cli.py fit --config pretrained/{name}.yaml --run.version again
.venv/bin/python cli.py test --ckpt_path runs/{name}/again/checkpoints/best.ckpt
.venv/bin/python -m launcher.export runs/{name}/again pretrained/{name}.ckpt --precision {precision} --overwrite
```

The configuration in full, without paths:

```yaml
{config}```
"""

ROTATED = "Names that end in `_rotated` are with the test classes' quarter turns as classes of their own.\n\n"
PLAIN = "All are with the test classes as they are, not turned.\n\n"


def model_card(
    name: str, description: Mapping[str, Any], provenance: Mapping[str, Any], size: int, machine: str
) -> str:
    """The card's text, with no path of the machine that it was written on.

    Args:
        name: of the encoder.
        description: how its network is built, see `episodic.checkpoints.describe_embedder`.
        provenance: see `launcher.provenance.read_provenance`, with `precision` and `embedding_size`.
        size: of the checkpoint in bytes.
        machine: what it was exported on.
    """
    config = yaml.safe_load(provenance["config"])
    metrics, seconds = provenance["metrics"], provenance["training_seconds"]
    return CARD.format(
        name=name,
        what=_what(description, config),
        embedding_size=provenance["embedding_size"],
        size=size,
        precision=provenance["precision"],
        figures="\n".join(f"| {metric} | {value:.4g} |" for metric, value in metrics.items()),
        **_inputs(description, config, metrics),
        data=_data(config.get("data") or {}),
        seed=config.get("seed_everything"),
        epoch=provenance["epoch"] + 1,
        steps=provenance["global_step"],
        time="" if seconds is None else f", {seconds / 60:.1f} minutes with validation",
        machine=machine,
        lightning=provenance["pytorch_lightning"],
        config=provenance["config"],
    )


def _inputs(description: Mapping[str, Any], config: Mapping[str, Any], metrics: Mapping[str, float]) -> dict[str, str]:
    """What depends on whether drawings or hidden states are embedded: call, remark and needs."""
    if description["network"] == HiddenStateEmbedder.__name__:
        size = description["arguments"]["input_size"]
        state = ((config.get("data") or {}).get("init_args") or {}).get("state", "cell")
        call = f"embedder.embed(states)  # {state} states [B, {size}], or those of episodes [B, T, {size}],"
        return {"call": call, "remark": "", "needs": "with an agent's harvest where `--data.harvest` says"}
    return {
        "call": "embedder.embed(drawings)  # [B, 1, H, H] floats in [0, 1], ink = 1, any H >= 28",
        "remark": ROTATED if any(metric.endswith("_rotated") for metric in metrics) else PLAIN,
        "needs": "with the data under `OMNIGLOT_ROOT`",
    }


def _what(description: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    arguments = ", ".join(f"{name} {value}" for name, value in description["arguments"].items())
    return f"The `{description['network']}` ({arguments}) of an `{_short(config['model'])}`."


def _data(data: Mapping[str, Any]) -> str:
    """What it was trained on, then the settings of the data that say more."""
    settings = {name: value for name, value in (data.get("init_args") or {}).items() if value is not None}
    protocol = str(settings.get("protocol")) if _short(data) == "OmniglotDataModule" else None
    number = settings.get("validation_alphabets", VALIDATION_ALPHABETS)
    # Data that are not Omniglot's have to speak for themselves.
    told = TRAINED_ON[protocol].format(number=number) if protocol in TRAINED_ON else "what these settings say."
    listed = ", ".join(f"`{name}: {value}`" for name, value in settings.items())
    return f"{told}\n\n`{_short(data)}` with {listed or 'its defaults'}."


def _short(part: Mapping[str, Any]) -> str:
    return str(part.get("class_path", "unknown")).rpartition(".")[2]


def machine() -> str:
    """The processor, torch's threads and version, and the GPU where there is one; no name of the machine."""
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
