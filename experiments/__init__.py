"""Grids of experiments: many trainings and tests from one file, one CSV and one table of them."""
