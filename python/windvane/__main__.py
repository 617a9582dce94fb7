"""``python -m windvane``."""

from __future__ import annotations

import sys

from windvane.cli import main

sys.exit(main())
