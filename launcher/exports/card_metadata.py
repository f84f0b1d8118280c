"""The metadata at the head of a model card, as the Hugging Face Hub reads them."""

from collections.abc import Mapping
from typing import Any

import yaml

from episodic.networks.hidden_state_embedder import HiddenStateEmbedder


def card_metadata(name: str, network: str, metrics: Mapping[str, float], omniglot: bool) -> str:
    """Return the YAML between two lines of dashes that begins a card.

    Args:
        name: of the encoder.
        network: the class of the encoder.
        metrics: of the test, by name.
        omniglot: whether it was trained and tested on Omniglot.

    >>> print(card_metadata("small", "OmniglotEmbedder", {"test/accuracy": 0.5}, omniglot=True)[:29])
    ---
    license: mit
    library_name
    """
    drawings = network != HiddenStateEmbedder.__name__
    dataset = {"name": "Omniglot", "type": "omniglot"} if omniglot else {"name": "see the card", "type": "other"}
    values = [
        {"type": metric.removeprefix("test/"), "name": metric, "value": round(float(value), 6)}
        for metric, value in metrics.items()
    ]
    task = {"type": "image-feature-extraction" if drawings else "feature-extraction"}
    metadata: dict[str, Any] = {
        "license": "mit",
        "library_name": "pytorch",
        "pipeline_tag": task["type"],
        "tags": ["episodic-memory", "embeddings", *(["omniglot", "few-shot"] if omniglot else [])],
        **({"datasets": ["omniglot"]} if omniglot else {}),
        "model-index": [{"name": name, "results": [{"task": task, "dataset": dataset, "metrics": values}]}],
    }
    return f"---\n{yaml.safe_dump(metadata, sort_keys=False, width=110)}---\n\n"
