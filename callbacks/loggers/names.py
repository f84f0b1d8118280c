"""Names of metrics."""

import re

#: A metric of the episodes of one exposure, or of the steps of one number: its name, the kind and the number.
NUMBERED = re.compile(r"(.+)_(exposure|pull)_(\d+)")
