"""`python -m affinity`: the command, without its script."""

from __future__ import annotations

from affinity.cli import main

if __name__ == "__main__":
    main()
