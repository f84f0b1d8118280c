"""Help: the overview of commands and configs, and the options of every part."""
