"""Run a job with a peer: another tool, in its own process and in the environment that `make peers` builds."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[1]
PYTHON = ROOT / ".venv-peers" / "bin" / "python"
MOVEMENT_PYTHON = ROOT / ".venv-peers-movement" / "bin" / "python"
CROWD_PYTHON = ROOT / ".venv-peers-crowd" / "bin" / "python"
RELEASE_PYTHON = ROOT / ".venv-peers-release" / "bin" / "python"

#: Depths agree when their highest values differ by no more than this, m, on cells that are not roofs.
RMSE_M, P99_M = 0.02, 0.05


class PeerRun(NamedTuple):
    """What a peer made of a job: fields (m), wall seconds from arrays in memory to final fields, steps."""

    depth: NDArray[Any]
    max_depth: NDArray[Any]
    wall_s: float
    steps: int


def run_peer(name: str, arrays: dict[str, NDArray[Any]], threads: int, **job: Any) -> PeerRun | None:
    """Run `benchmarks/peers/<name>_peer.py` on a job; None where the peers are not installed.

    `arrays`: z (ny, nx), n (ny, nx), rain (k, ny, nx) or (k, 1, 1) in m/s and, if water soaks in, capacity (ny, nx) in
    m/s. `job`: cell_m, duration_s, rain_s (k), dtype. Raises CalledProcessError when the peer breaks.
    """
    if not PYTHON.exists():
        return None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        np.savez(folder / "job.npz", **arrays)
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        subprocess.run(
            [PYTHON, ROOT / "benchmarks" / "peers" / f"{name}_peer.py", folder],
            check=True,
            env=os.environ | {"OMP_NUM_THREADS": str(threads)},
        )
        result = np.load(folder / "result.npz")
        return PeerRun(result["depth"], result["max_depth"], float(result["wall_s"]), int(result["steps"]))


def agreement(own: NDArray[Any], peer: NDArray[Any], where: NDArray[np.bool_]) -> str:
    """Say how far the highest depths of two tools differ on the cells `where`, and whether they agree."""
    gap = np.abs(own.astype(float) - peer.astype(float))[where]
    rmse, p99 = float(np.sqrt((gap**2).mean())), float(np.percentile(gap, 99))
    word = "agree" if rmse <= RMSE_M and p99 <= P99_M else "DO NOT AGREE"
    return f"highest depths {word}: RMSE {rmse:.4f} m, 99th percentile {p99:.4f} m (bounds {RMSE_M}, {P99_M})"


def run_slabx(job: dict[str, Any]) -> dict[str, Any] | None:
    """Run `benchmarks/peers/slabx_peer.py` on a spill; None where it is not installed. Raises CalledProcessError when it breaks."""
    return _run(RELEASE_PYTHON, "slabx_peer.py", None, job)


def run_uxsim(arrays: dict[str, NDArray[Any]], **job: Any) -> dict[str, Any] | None:
    """Run `benchmarks/peers/uxsim_peer.py` on cars with fixed paths; None where it is not installed.

    Raises CalledProcessError when it breaks.
    """
    return _run(MOVEMENT_PYTHON, "uxsim_peer.py", arrays, job)


def run_jupedsim(arrays: dict[str, NDArray[Any]], **job: Any) -> dict[str, Any] | None:
    """Run `benchmarks/peers/jupedsim_peer.py` on a hall that empties; None where it is not installed.

    `arrays`: at (person, 2) in m, free (person,) in m/s. `job`: side_m, gate_m, seconds, step_s. Raises CalledProcessError when it breaks.
    """
    return _run(CROWD_PYTHON, "jupedsim_peer.py", arrays, job)


def _run(
    python: Path, script: str, arrays: dict[str, NDArray[Any]] | None, job: dict[str, Any]
) -> dict[str, Any] | None:
    """Return what a peer's script says of a job; None where the peer is not installed."""
    if not python.exists():
        return None
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if arrays is not None:
            np.savez(folder / "job.npz", **arrays)
        (folder / "job.json").write_text(json.dumps(job), "utf-8")
        subprocess.run([python, ROOT / "benchmarks" / "peers" / script, folder], check=True)
        found: dict[str, Any] = json.loads((folder / "result.json").read_text("utf-8"))
        return found
