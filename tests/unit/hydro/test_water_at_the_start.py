"""Water that stands at the start: it is counted once, under held levels too, and does not hide or make an error."""

from __future__ import annotations

import numpy as np
import pytest

from hydro import Boundary, Inflow, simulate_arrays


@pytest.mark.parametrize("scheme", ["inertial", "full", "subgrid"])
@pytest.mark.parametrize("rain", [0.0, 60 / 3.6e6])
def test_water_that_stands_under_a_stage_is_counted_once(scheme: str, rain: float) -> None:
    run = simulate_arrays(
        np.zeros((20, 20)), 0.03, rain, [0.0], cell_m=5.0, duration_s=600.0, scheme=scheme, dtype="float64",
        depth=np.full((20, 20), 3.0), boundaries=[Boundary("west", "stage", [0.0], [3.0])],
    )  # fmt: skip
    assert abs(run.volume_error) < 1e-10
    assert run.depth == pytest.approx(3.0, abs=0.02)


@pytest.mark.parametrize("scheme", ["inertial", "full", "subgrid"])
def test_light_rain_on_a_lake_runs_in_float32(scheme: str) -> None:
    run = simulate_arrays(
        np.zeros((60, 60)),
        0.03,
        1 / 3.6e6,
        [0.0],
        cell_m=5.0,
        duration_s=600.0,
        scheme=scheme,
        depth=np.full((60, 60), 5.0),
    )
    assert abs(run.volume_error) < 1e-4


@pytest.mark.parametrize("scheme", ["inertial", "full", "subgrid"])
def test_the_highest_depth_is_never_below_the_last(scheme: str) -> None:
    z = np.tile(np.linspace(2.0, 0.0, 40), (37, 1))
    stage = Boundary("east", "stage", [0.0, 60.0], [0.1, 0.6])
    run = simulate_arrays(z, 0.03, 0.0, [0.0], cell_m=5.0, duration_s=60.0, scheme=scheme, factor=2, boundaries=[stage])
    assert (run.max_depth >= run.depth).all()


def test_coarse_cells_take_water_on_a_mountain_too() -> None:
    z = np.tile(np.linspace(0.0, 1500.0, 200), (40, 1))
    job = {"cell_m": 30.0, "duration_s": 600.0, "inflows": [Inflow(1, 198, [0.0], [5.0])]}
    runs = [simulate_arrays(z, 0.05, 60 / 3.6e6, [0.0], scheme=scheme, **job) for scheme in ("inertial", "subgrid")]
    assert runs[1].volume_in == pytest.approx(runs[0].volume_in, rel=1e-6)
