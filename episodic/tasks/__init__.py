"""Tasks whose contexts return, the blocks that specify what happens in them, and players that do not learn.

`Task` is the interface of tasks for agents, data modules and rollouts. `BarcodeTask` is a base class for your own
tasks. `Bandit` has the rules of the contextual bandits; `BarcodeBandit` and `DrawingBandit` add their cues. `PLAYERS`
are classical and ideal players of bandits. `CompositionalBandit`, `WaterMaze`, `TwoStep` and `ContextualChoice` are the
further tasks, each with its ideal player. `RepeatPrevious` tests a core's own memory. `DrawingTask` is the base class
of tasks whose cues are drawings: `DrawingBandit` and `CompositionalDrawingBandit`.
"""

from episodic.tasks.bandit import Bandit, BanditEpisode, BanditRules
from episodic.tasks.barcode_bandit import BarcodeBandit
from episodic.tasks.barcode_task import BarcodeTask
from episodic.tasks.barcodes import NOISE_KINDS, ClusterRule, distinct_barcodes, flip_bits, spread_barcodes
from episodic.tasks.blocks import BlockSpec, block_seed
from episodic.tasks.compositional import CompositionalBandit, CompositionalDrawingBandit
from episodic.tasks.contextual_choice import ContextualChoice
from episodic.tasks.drawing_bandit import DrawingBandit
from episodic.tasks.drawing_task import DrawingTask
from episodic.tasks.gittins import gittins_indices
from episodic.tasks.players import PLAYERS, Play, Player, play_block
from episodic.tasks.repeat_previous import RepeatPrevious
from episodic.tasks.task import Episode, Schedule, Task, TaskSizes
from episodic.tasks.two_step import TwoStep
from episodic.tasks.water_maze import WaterMaze

__all__ = [
    "NOISE_KINDS",
    "PLAYERS",
    "Bandit",
    "BanditEpisode",
    "BanditRules",
    "BarcodeBandit",
    "BarcodeTask",
    "BlockSpec",
    "ClusterRule",
    "CompositionalBandit",
    "CompositionalDrawingBandit",
    "ContextualChoice",
    "DrawingBandit",
    "DrawingTask",
    "Episode",
    "Play",
    "Player",
    "RepeatPrevious",
    "Schedule",
    "Task",
    "TaskSizes",
    "TwoStep",
    "WaterMaze",
    "block_seed",
    "distinct_barcodes",
    "flip_bits",
    "gittins_indices",
    "play_block",
    "spread_barcodes",
]
