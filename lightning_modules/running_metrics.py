"""The metrics of an unfinished epoch, in checkpoints."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn
from torchmetrics import Metric

#: Their entry in a checkpoint.
RUNNING_METRICS = "running_metrics"


def save_running_metrics(checkpoint: dict[str, Any], metrics: Mapping[str, nn.Module] | nn.ModuleDict) -> None:
    """Put the sums of some metrics into a checkpoint, so that a training can continue inside an epoch.

    >>> from torchmetrics import MeanMetric
    >>> mean, checkpoint = MeanMetric(), {}
    >>> mean.update(3.0)
    >>> save_running_metrics(checkpoint, {"loss": mean})
    >>> other = MeanMetric()
    >>> load_running_metrics(checkpoint, {"loss": other})
    >>> other.update(5.0)
    >>> other.compute()
    tensor(4.)
    """
    checkpoint[RUNNING_METRICS] = {
        name: {state: value.clone() for state, value in metric.metric_state.items() if isinstance(value, Tensor)}
        for name, metric in metrics.items()
        if isinstance(metric, Metric)
    }


def load_running_metrics(checkpoint: Mapping[str, Any], metrics: Mapping[str, nn.Module] | nn.ModuleDict) -> None:
    """Take metrics up where `save_running_metrics` left them; metrics that a checkpoint lacks stay as they are."""
    saved = checkpoint.get(RUNNING_METRICS, {})
    for name, metric in metrics.items():
        if isinstance(metric, Metric):
            for state in metric.metric_state.keys() & saved.get(name, {}).keys():
                setattr(metric, state, saved[name][state].to(metric.device))
