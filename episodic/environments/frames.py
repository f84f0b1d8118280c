"""Frames of environments as arrays of colours: the cue, the task's state, and the last action with its reward."""

import numpy as np
from numpy.typing import NDArray

from episodic.environments.block_play import BlockPlay
from episodic.tasks.bandit import BanditEpisode
from episodic.tasks.water_maze import MazeEpisode

Frame = NDArray[np.uint8]

#: Pixels along the side of a cell, and between two panels.
CELL, GAP = 16, 8
#: Colours of Okabe and Ito, as in the project's plots.
WHITE, GREY, BLACK = (255, 255, 255), (225, 225, 225), (0, 0, 0)
BLUE, VERMILLION, GREEN, ORANGE = (0, 114, 178), (213, 94, 0), (0, 158, 115), (230, 159, 0)


def draw_frame(play: BlockPlay, row: int) -> Frame:
    """Draw one environment -> `[height, width, 3]`.

    From top to bottom: the cue; the maze with the goal (orange) and the agent (blue), or the probability of a reward of
    each arm of a bandit as bars; the actions, the last one green if it was rewarded and red if not.
    """
    panels = [_cue(play, row), _actions(play, row)]
    if isinstance(play.game, MazeEpisode):
        panels.insert(1, _maze(play.game, row))
    elif isinstance(play.game, BanditEpisode):
        panels.insert(1, _bars(play.game.arms[row].numpy()))
    width = max(panel.shape[1] for panel in panels) + 2 * GAP
    height = sum(panel.shape[0] + GAP for panel in panels) + GAP
    frame = np.full((height, width, 3), WHITE, dtype=np.uint8)
    top = GAP
    for panel in panels:
        frame[top : top + panel.shape[0], GAP : GAP + panel.shape[1]] = panel
        top += panel.shape[0] + GAP
    return frame


def _cells(colours: NDArray[np.uint8]) -> Frame:
    """Draw colours `[rows, columns, 3]` as cells with white lines between them."""
    cells = colours.repeat(CELL, axis=0).repeat(CELL, axis=1)
    cells[CELL - 1 :: CELL] = WHITE
    cells[:, CELL - 1 :: CELL] = WHITE
    return cells


def _cue(play: BlockPlay, row: int) -> Frame:
    """Draw a cue: a square number of more than 64 numbers as an image, others as rows of at most 32 cells."""
    cue = play.inputs[play.t, row, play.task.sizes.seen_size :].numpy()
    low, high = min(0.0, float(cue.min())), max(1.0, float(cue.max()))
    dark = (255 * (1 - (cue - low) / (high - low))).astype(np.uint8)
    side = int(np.sqrt(len(cue)))
    if side > 8 and side * side == len(cue):
        scale = max(1, 8 * CELL // side)
        return dark.reshape(side, side, 1).repeat(scale, axis=0).repeat(scale, axis=1).repeat(3, axis=2)
    columns = min(32, len(cue))
    padded = np.full(-(-len(cue) // columns) * columns, 255, dtype=np.uint8)
    padded[: len(cue)] = np.minimum(dark, GREY[0])
    return _cells(padded.reshape(-1, columns, 1).repeat(3, axis=2))


def _maze(game: MazeEpisode, row: int) -> Frame:
    rules = game.rules
    columns = len(np.unique(rules.coordinates[:, 0].numpy()))
    colours = np.full((len(rules.coordinates), 3), GREY, dtype=np.uint8)
    colours[int(game.goal[row])] = ORANGE
    colours[int(game.position[row])] = BLUE
    return _cells(colours.reshape(-1, columns, 3)).repeat(2, axis=0).repeat(2, axis=1)


def _bars(probabilities: NDArray[np.float32]) -> Frame:
    height = 4 * CELL
    bars = np.full((height, CELL * len(probabilities), 3), GREY, dtype=np.uint8)
    for arm, probability in enumerate(probabilities):
        filled = round(float(probability) * height)
        bars[height - filled :, arm * CELL : (arm + 1) * CELL - 1] = BLUE
        bars[:, (arm + 1) * CELL - 1] = WHITE
    return bars


def _actions(play: BlockPlay, row: int) -> Frame:
    colours = np.full((1, play.task.actions, 3), GREY, dtype=np.uint8)
    action = int(play.last_action[row])
    if action >= 0:
        colours[0, action] = GREEN if float(play.last_reward[row]) > 0 else VERMILLION
    return _cells(colours)
