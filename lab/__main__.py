"""`python -m lab`: the whole lesson on real text."""

import sys

from lab.cli import main

sys.exit(main(sys.argv[1:]))
