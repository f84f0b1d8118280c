"""Mistakes of the user, told in one line before or instead of a traceback."""
