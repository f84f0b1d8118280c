"""The trainer of a command: which of Lightning's options work here, and what a command has to do."""
