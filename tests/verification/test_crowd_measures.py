"""What the proofs measure on the measured trajectories is what PedPy measures on them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pedpy
import pytest
import shapely

from evacuation.crowd.proofs.watch import flow_20_80, passages, run
from evacuation.crowd.risk.measures import voronoi_density
from scenarios.proofs import reference

pytestmark = pytest.mark.reference

#: A run and the width of its corridor, m: x across, y along, as in the proofs.
RUNS = {"uo-180-180-070": 1.8, "uo-300-300-160": 3.0, "bo-360-160-160": 3.6}


@pytest.mark.parametrize("name", RUNS)
def test_density_passages_and_flow(name: str) -> None:
    width = RUNS[name]
    table = run(reference().folder("crowd") / "trajectories" / f"{name}.csv.gz")
    step = float(np.diff(np.unique(table["t"])).min())  # s; the runs are kept every so many frames
    tracks = table.assign(frame=np.round(table["t"] / step).astype(int))
    ground, place = shapely.box(0, -8, width, 8), shapely.box(0, -1, width, 1)
    tracks = tracks[shapely.contains_xy(ground, tracks[["x", "y"]].to_numpy())]
    some = tracks[tracks["frame"] % round(5.0 / step) == 0][["id", "frame", "x", "y"]]
    cells = pedpy.compute_individual_voronoi_polygons(
        traj_data=pedpy.TrajectoryData(some, frame_rate=1.0 / step), walkable_area=pedpy.WalkableArea(ground),
        cut_off=pedpy.Cutoff(radius=1.0, quad_segments=16),
    )  # fmt: skip
    theirs, _ = pedpy.compute_voronoi_density(
        individual_voronoi_data=cells, measurement_area=pedpy.MeasurementArea(place)
    )
    ours = {frame: voronoi_density(own[["x", "y"]].to_numpy(), ground, place) for frame, own in some.groupby("frame")}
    density = theirs["density"].reindex(list(ours)).fillna(0.0)
    assert density.max() > 2.0 and np.abs(density - list(ours.values())).max() <= 0.01 * density.max()

    line = pedpy.MeasurementLine([(-1.0, 0.0), (width + 1.0, 0.0)])
    whole = pedpy.TrajectoryData(tracks[["id", "frame", "x", "y"]], frame_rate=1.0 / step)
    curve = pedpy.compute_n_t(traj_data=whole, measurement_line=line)[0]["cumulative_pedestrians"]
    passed = pd.concat([passages(tracks, 0.0, down=down) for down in (True, False)])
    ours_t = np.sort(passed.groupby("id")["t"].min().to_numpy())  # some step back over the line
    theirs_t = np.array([(curve >= n).idxmax() * step for n in range(1, int(curve.max()) + 1)])
    assert len(ours_t) == len(theirs_t) > 50 and np.abs(ours_t - theirs_t).max() <= 1.5 * step
    assert flow_20_80(ours_t) == pytest.approx(flow_20_80(theirs_t), rel=0.01)
