"""`python -m pgassay`: the command, of whichever Python has it."""

from __future__ import annotations

import sys

from pgassay.cli import main

if __name__ == "__main__":
    sys.exit(main())
