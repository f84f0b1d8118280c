"""Grids: their files, conditions, options, and the jobs that they need."""
