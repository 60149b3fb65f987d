"""`scheme="auto"`: steep fast flow takes the full equations on the way, gentle flow stays with the inertial ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hydro import ArrayRun, Boundary, Inflow, simulate_arrays
from hydro.arrays import FAST_SHARE
from hydro.proofs.exact import hills
from hydro.schemes.inertial import HELD_FROUDE, STILL_FROUDE, Inertial

GRAVITY = 9.80665


def chute(slope: float, manning: float, flow: float, **changes: Any) -> tuple[ArrayRun, float]:
    """Return a run of `flow` m2/s down a plane of 1 km to a free side, and Manning's normal depth (n q / sqrt(S))^(3/5)."""
    z = np.repeat((40.0 - slope * np.arange(200) * 5.0)[None, :], 6, axis=0)
    job = {
        "cell_m": 5.0, "duration_s": 1800.0, "inflows": [Inflow(i, 0, [0.0], [flow * 5.0]) for i in range(6)],
        "boundaries": [Boundary("east", "free")], "dtype": "float64",
    }  # fmt: skip
    return simulate_arrays(z, manning, [0.0], [0.0], **(job | changes)), (flow * manning / slope**0.5) ** 0.6


def test_supercritical_flow_takes_the_full_equations_and_manning_normal_depth() -> None:
    run, normal = chute(0.02, 0.02, 2.0)
    assert 2.0 / normal / (GRAVITY * normal) ** 0.5 > 1.9  # Froude number of the exact flow
    assert run.scheme == "full" and run.fast_share > FAST_SHARE
    assert run.why == f"{run.fast_share:.1%} of the moving water at the Froude limit from 60 s on"
    np.testing.assert_allclose(run.depth[:, 20:], normal, rtol=0.01)
    np.testing.assert_allclose(run.flow_x[:, 20:], 2.0, rtol=0.01)
    assert abs(run.volume_error) <= 1e-12
    held, _ = chute(0.02, 0.02, 2.0, scheme="inertial")
    assert held.fast_share > 0.9 and held.why == "as asked"
    critical = (2.0**2 / GRAVITY) ** (1.0 / 3.0)
    np.testing.assert_allclose(held.depth[:, 20:180], critical, rtol=0.01)  # what the switch saves the user from


@pytest.mark.parametrize(("slope", "manning", "flow"), [(0.001, 0.03, 1.0), (0.005, 0.033, 2.0)])
def test_gentle_flow_stays_inertial(slope: float, manning: float, flow: float) -> None:
    run, normal = chute(slope, manning, flow, duration_s=3600.0)
    assert run.scheme == "inertial" and run.fast_share <= FAST_SHARE
    assert run.why == f"no dam break at the start, at most {run.fast_share:.1%} of the moving water at the Froude limit"
    np.testing.assert_allclose(run.depth[3, 20:180], normal, rtol=0.02)


def test_a_flooded_street_plain_stays_inertial() -> None:
    """Blocks of 70 m with streets of 30 m between them on a slope of 0.2 %, 20 m3/s at two corners."""
    along = np.arange(100) % 20 > 5
    z = np.tile(5.0 - 0.01 * np.arange(100), (100, 1)) + 3.0 * (along[:, None] & along[None, :])
    inflows = [Inflow(i, 0, [0.0], [20.0 / 6]) for k in (0, 60) for i in range(k, k + 6)]
    run = simulate_arrays(
        z, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=1800.0, inflows=inflows, boundaries=[Boundary("east", "free")]
    )
    assert run.scheme == "inertial" and run.fast_share <= FAST_SHARE and (run.depth > 0.1).mean() > 0.2


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_everything_is_handed_over(dtype: str) -> None:
    """Rain, an inflow that changes, a free side and a held level on steep hills: the books close over the change."""
    z = 4.0 * hills() - 0.8 * np.arange(60)
    times = [0.0, 300.0, 900.0]
    job: dict[str, Any] = {
        "cell_m": 5.0, "duration_s": 1800.0, "dtype": dtype, "probes": [(10, 50)],
        "inflows": [Inflow(10, 10, times, [3.0, 8.0, 1.0])], "boundaries": [
            Boundary("east", "free"), Boundary("south", "stage", [0.0, 1800.0], [-31.0, -27.0]),
        ],
    }  # fmt: skip
    run = simulate_arrays(z, 0.03, [60 / 3.6e6, 0.0], [0.0, 1200.0], **job)
    assert run.scheme == "full" and "from" in run.why
    assert run.volume_out > 0.1 * run.volume_in > 0.0
    assert abs(run.volume_error) <= (1e-12 if dtype == "float64" else 1e-4)
    assert run.depth.min() >= 0.0 and (run.max_depth >= run.depth).all() and len(run.probe_depth) == len(run.probe_s)


@pytest.mark.parametrize(
    ("stage", "scheme"),
    [
        (([0.0, 60.0, 61.0], [0.0, 0.0, 4.0]), "full"),  # a dam that breaks outside
        (([0.0], [3.0]), "full"),  # water that stands as a wall at the start
        (([0.0, 3600.0], [0.0, 3.0]), "inertial"),  # a tide
    ],
)
def test_a_stage_that_sends_in_a_front_takes_the_full_equations(
    stage: tuple[list[float], list[float]], scheme: str
) -> None:
    job: dict[str, Any] = {"cell_m": 5.0, "duration_s": 180.0, "boundaries": [Boundary("west", "stage", *stage)]}
    run = simulate_arrays(np.zeros((4, 60)), 0.03, [0.0], [0.0], **job)
    assert run.scheme == scheme and ("front" in run.why) == (scheme == "full")
    if scheme == "full":
        asked = simulate_arrays(np.zeros((4, 60)), 0.03, [0.0], [0.0], **job, scheme="full")
        np.testing.assert_array_equal(run.depth, asked.depth)


def test_a_short_torrent_in_a_long_run_is_seen() -> None:
    """Ten minutes of flow on a slope of 2 % within a day: looked at by steps, not by a share of the run."""
    slope = (60.0 - 0.1 * np.arange(60))[None, :] + np.zeros((6, 1))
    inflow = Inflow(3, 2, [0.0, 1800.0, 2400.0], [0.0, 5.0, 0.0])
    for hours in (1.5, 24.0):
        run = simulate_arrays(
            slope, 0.03, [0.0], [0.0], cell_m=5.0, duration_s=3600.0 * hours, inflows=[inflow],
            boundaries=[Boundary("east", "free")],
        )  # fmt: skip
        assert run.scheme == "full" and run.fast_share > 0.5 and "from" in run.why


def test_a_changed_run_is_the_same_with_any_number_of_threads() -> None:
    one, two = (chute(0.02, 0.02, 2.0, threads=n, duration_s=300.0)[0] for n in (1, 2))
    assert one.why == two.why and one.scheme == "full"
    np.testing.assert_array_equal(one.depth, two.depth)


def test_the_share_counts_moving_water_by_its_volume() -> None:
    """Cells of 1 m: one still, one slow, one at the limit, one a film at the limit."""
    water = Inertial(np.zeros((1, 8)), 0.03, 1.0, dtype="float64")
    water.fill([[1.0, 0.0, 0.5, 0.0, 0.2, 0.0, 0.04, 0.0]])
    flow = np.zeros((1, 9))
    for cell, number in ((0, 0.9 * STILL_FROUDE), (2, 0.5), (4, 1.01 * HELD_FROUDE), (6, 1.0)):
        depth = water.h[0, cell]
        flow[0, cell : cell + 2] = number * depth * (GRAVITY * depth) ** 0.5
    water.restore(water.arrays() | {"qx": flow})
    assert water.fast_share() == pytest.approx(0.24 / 0.74), "a film counts as any other water"


def test_a_scheme_without_the_limit_has_no_share() -> None:
    for scheme in ("full", "subgrid"):
        run, _ = chute(0.001, 0.03, 1.0, duration_s=60.0, scheme=scheme)
        assert np.isnan(run.fast_share) and run.why == "as asked"
