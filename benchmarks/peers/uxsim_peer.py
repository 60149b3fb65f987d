"""Move cars on fixed paths with UXsim: `python uxsim_peer.py FOLDER`; reads job.npz and job.json, writes result.json.

Links (link,): up, down, length, speed, capacity, lanes; cars (car,): home, goal, when; lead (goal, node) of goals (goal,).
A job with `reroute_s` leaves the choice of ways to UXsim, which renews them so often (its dynamic user optimum); without it cars keep
to the ways of `lead`. What is timed runs from the network in memory to the last arrival, on the clock and in seconds of processor.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from uxsim import World


def main(folder: Path) -> None:
    """Run the job and write mean travel time, how many arrived, and the wall clock."""
    job, a = json.loads((folder / "job.json").read_text("utf-8")), np.load(folder / "job.npz")
    tau = 1.0 / (job["wave_m_s"] * job["jam_m"])
    world = World(
        deltan=job["deltan"], reaction_time=tau, tmax=job["most_s"], random_seed=0, print_mode=0, save_mode=0, show_mode=0, cpp=True,
        duo_update_time=job.get("reroute_s", job["most_s"]), vehicle_logging_timestep_interval=-1, hard_deterministic_mode=False,
    )  # fmt: skip
    nodes = [world.addNode(str(k), 0.0, 0.0) for k in range(job["nodes"])]
    links = [
        world.addLink(
            str(k),
            nodes[u],
            nodes[d],
            length=float(m),
            free_flow_speed=float(v),
            jam_density_per_lane=job["jam_m"],
            number_of_lanes=int(n),
            capacity_out=float(q),
            capacity_in=float(q),
            merge_priority=float(q),
        )
        for k, (u, d, m, v, q, n) in enumerate(
            zip(a["up"], a["down"], a["length"], a["speed"], a["capacity"], a["lanes"], strict=True)
        )
    ]
    row = {int(g): k for k, g in enumerate(a["goals"])}
    cars = []
    order = np.argsort(a["when"], kind="stable")
    by_pair: dict[tuple[int, int], list[float]] = {}
    for home, goal, when in zip(a["home"][order], a["goal"][order], a["when"][order], strict=True):
        by_pair.setdefault((int(home), int(goal)), []).append(float(when))
    for (home, goal), whens in by_pair.items():
        node, way = home, []
        while node != goal and "reroute_s" not in job:
            way.append(links[a["lead"][row[goal], node]])
            node = int(a["down"][a["lead"][row[goal], node]])
        for when in whens[:: job["deltan"]]:
            car = world.addVehicle(nodes[home], nodes[goal], when)
            if way:
                car.enforce_route(way)
            cars.append((car, when))
    began, worked = time.perf_counter(), time.process_time()
    world.exec_simulation()
    wall, processor = time.perf_counter() - began, time.process_time() - worked
    took = np.array([car.arrival_time * world.DELTAT - when if car.state == "end" else np.nan for car, when in cars])
    found = {
        "cars": len(cars) * job["deltan"], "arrived": int(np.isfinite(took).sum()) * job["deltan"], "wall_s": wall,
        "processor_s": processor,
        "travel_s": float(np.nanmean(took)),
    }  # fmt: skip
    (folder / "result.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
