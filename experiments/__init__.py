"""Grids of runs and searches on Dask, and their tables, plots and pages.

`planning` reads a grid's file and turns it into jobs. `engine` runs the jobs on a Dask cluster. `tables` and `report`
make results of the runs, `search` searches for hyperparameters. `run`, `table` and `commands` are commands.
"""
