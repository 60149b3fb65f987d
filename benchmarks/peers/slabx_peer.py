"""Run one spill of LNG with slabx: `python slabx_peer.py FOLDER`; reads job.json, writes result.json.

What is timed runs from the source to the highest shares of the volume at the places asked for, best of the rounds.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from slabx.core.plume import run_dispersion
from slabx.core.source import EvaporatingPool
from slabx.post.concentration import concentration_field
from slabx.submodels.atmosphere import Atmosphere
from slabx.thermo.base import LegacyThermo, Substance, water_backend


def main(folder: Path) -> None:
    """Run the job and write what it gave."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    gas = Substance(name="LNG", **job["gas"])
    walls, shares = [], np.zeros(0)
    for _ in range(job["rounds"]):
        began = time.perf_counter()
        air = Atmosphere(**job["air"])
        pool = EvaporatingPool(substance=gas, **job["pool"])
        path, _used = run_dispersion(
            pool, air, LegacyThermo(gas), water_backend(), x_max=job["reach_m"], n_puff_steps=40
        )
        field = concentration_field(path, air, z=job["z_m"], t_avg=job["averaged_s"], t_release=job["pool"]["duration"])
        shares = np.interp(job["at_m"], field.x, field.peak)
        walls.append(time.perf_counter() - began)
    (folder / "result.json").write_text(json.dumps({"wall_s": min(walls), "shares": shares.tolist()}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
