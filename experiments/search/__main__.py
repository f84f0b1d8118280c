"""The command `python -m experiments.search`."""

import sys

from experiments.search.study import main

sys.exit(main())
