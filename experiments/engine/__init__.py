"""Runs jobs on a Dask cluster."""
