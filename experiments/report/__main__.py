"""The command `python -m experiments.report`."""

import sys

from experiments.report.pages import main

sys.exit(main())
