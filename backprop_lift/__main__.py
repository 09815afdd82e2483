"""The command ``backprop-lift``."""

from __future__ import annotations

import sys

from .mirror.command import main

if __name__ == "__main__":
    sys.exit(main())
