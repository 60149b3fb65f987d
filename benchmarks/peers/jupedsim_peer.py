"""Empty a square hall with JuPedSim's collision-free speed model: `python jupedsim_peer.py FOLDER`.

It reads job.npz and job.json, and writes result.json.

What is timed is the loop of its steps, CPU seconds of this process, without writing trajectories.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import jupedsim as jps
import numpy as np
import shapely

#: Radius of a body, m: that of the disc with an adult's area, as in the job of the other side.
RADIUS_M = 0.17


def main(folder: Path) -> None:
    """Run the job and write what it gave: who had left each second, steps of single persons, CPU seconds."""
    job = json.loads((folder / "job.json").read_text("utf-8"))
    people = np.load(folder / "job.npz")
    side, gate, step = job["side_m"], job["gate_m"], job["step_s"]
    low, high = side / 2 - gate / 2, side / 2 + gate / 2
    ground = shapely.box(0, 0, side, side).union(shapely.box(side, low, side + 2.0, high))
    simulation = jps.Simulation(model=jps.CollisionFreeSpeedModel(), geometry=ground, dt=step)
    out = simulation.add_exit_stage(shapely.box(side + 0.5, low + 0.05, side + 1.9, high - 0.05))
    journey = simulation.add_journey(jps.JourneyDescription([out]))
    for at, free in zip(people["at"], people["free"], strict=True):
        at = np.clip(at, RADIUS_M + 0.05, side - RADIUS_M - 0.05)
        simulation.add_agent(
            jps.CollisionFreeSpeedModelAgentParameters(
                position=tuple(at),
                journey_id=journey,
                stage_id=out,
                radius=RADIUS_M,
                desired_speed=float(free),
                time_gap=job["time_gap_s"],
            )
        )
    total = simulation.agent_count()
    left, steps, began = [0], 0, time.process_time()
    for _second in range(job["seconds"]):
        for _step in range(round(1.0 / step)):
            steps += simulation.agent_count()
            simulation.iterate()
        left.append(total - simulation.agent_count())
    cpu = time.process_time() - began
    result = {"left": left, "steps": steps, "cpu_s": cpu, "version": version("jupedsim")}
    (folder / "result.json").write_text(json.dumps(result), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
