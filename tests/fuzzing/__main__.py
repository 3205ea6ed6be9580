"""`python -m tests.fuzzing`, run by `make fuzz` against a throw-away platform; see `fuzz`."""

import os
import sys

from tests.fuzzing.run import SECONDS, fuzz

sys.exit(fuzz(os.environ["MPAC_DEMO_FILE"], *(sys.argv[1:] or ["--max-time", str(SECONDS)])))
