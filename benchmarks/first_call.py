"""What compiling costs: a first call in a new process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from typing import Any

from benchmarks.peer import ROOT


def compiling(first_call: str) -> dict[str, Any]:
    """Time a first call, a program that prints its seconds, in a new process with an empty kernel cache."""
    with tempfile.TemporaryDirectory() as empty:
        said = subprocess.run(
            [sys.executable, "-c", first_call], check=True, capture_output=True, text=True, cwd=ROOT,
            env=os.environ | {"ANLAN_KERNEL_CACHE": empty},
        )  # fmt: skip
    return {"metric": "first call, empty kernel cache", "value": float(said.stdout), "unit": "s", "target": None}
