"""The file of a run's configuration, `config.yaml`."""

from itertools import count
from pathlib import Path
from typing import Any

from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.cli import SaveConfigCallback

from callbacks.pictures import keeps_files
from episodic.files import replace_text
from launcher.arguments import FORMAT
from lightning_modules.episodic_agent import EpisodicAgent


class SaveRunConfig(SaveConfigCallback):
    """Write `config.yaml` into the folder of a training run; an earlier one is kept beside it.

    A comment names what computed an agent's episodes, since the last digits depend on it. Sizes from the data stay open,
    so that a test on other data takes them from those data.
    """

    def __init__(self, *args: Any, filled_in: list[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.filled_in = filled_in

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if stage != "fit" or not keeps_files(trainer):
            return
        path = Path(trainer.default_root_dir) / self.config_filename
        config = self.config.clone()
        config.ckpt_path = None
        for name in self.filled_in:
            config.model.init_args[name] = None
        computed = f"# arithmetic: {pl_module.updates.arithmetic}\n" if isinstance(pl_module, EpisodicAgent) else ""
        text = f"{FORMAT}\n{computed}{self.parser.dump(config, skip_none=False, skip_link_targets=False)}"
        earlier = path.read_text(encoding="utf-8") if path.exists() else None
        if earlier == text:
            return
        if earlier is not None:
            copies = (path.with_name(f"config_before_resume_{number}.yaml") for number in count())
            replace_text(next(copy for copy in copies if not copy.exists()), earlier)
        replace_text(path, text)
