"""Generated handwriting: invented alphabets, drawn by several people, as drawings in memory or in Omniglot's layout."""

from episodic.drawings.handwriting.alphabets import draw_alphabet, generated_classes
from episodic.drawings.handwriting.archives import generate_omniglot
from episodic.drawings.handwriting.characters import Stroke, Style, draw_character, draw_style
from episodic.drawings.handwriting.drawers import Drawers, draw_drawers, draw_drawings
from episodic.drawings.handwriting.png import strokes_to_png, to_png

__all__ = [
    "Drawers",
    "Stroke",
    "Style",
    "draw_alphabet",
    "draw_character",
    "draw_drawers",
    "draw_drawings",
    "draw_style",
    "generate_omniglot",
    "generated_classes",
    "strokes_to_png",
    "to_png",
]
