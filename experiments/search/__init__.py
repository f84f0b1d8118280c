"""Searches for good hyperparameters, through Optuna."""
