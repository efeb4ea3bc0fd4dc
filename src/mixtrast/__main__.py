"""`python -m mixtrast` is the command."""

import sys

from mixtrast.cli import main

if __name__ == "__main__":
    sys.exit(main())
