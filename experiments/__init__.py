"""Grids of runs and searches on Dask, and their tables, plots and pages.

`grid` reads a grid's file, `plan` turns it into jobs, `engine` runs the jobs on a Dask cluster, `work` is one job on a
worker. `tables`, `statistics`, `plots`, `report` and `reproduction` make results of the runs.
"""
