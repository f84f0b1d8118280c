"""The summary that a command ends with."""
