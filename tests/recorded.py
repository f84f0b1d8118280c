"""The config that a run of a shipped config would record."""

from pathlib import Path
from typing import Any

import pytest

from launcher.arguments import FORMAT


def recorded_config(kind: Any, config: Path) -> str:
    """Parse a shipped config as `fit` does, and write it as `fit` writes `config.yaml`, without building anything."""
    with pytest.MonkeyPatch.context() as patch:
        for name in (
            "before_instantiate_classes",
            "instantiate_classes",
            "after_instantiate_classes",
            "_run_subcommand",
        ):
            patch.setattr(kind, name, lambda self, *_: None)
        cli = kind(["fit", "--config", str(config)])
    parser, settings = cli._parser("fit"), cli.config.fit.clone()
    settings.pop("config", None)
    settings.run.name, settings.run.version = config.stem, "version_0"
    settings.trainer.default_root_dir = f"runs/{config.stem}/version_0"
    return f"{FORMAT}\n{parser.dump(settings, skip_none=False, skip_link_targets=False)}"
