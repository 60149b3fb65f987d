"""What `simulate_arrays` refuses, each by one sentence that names place, finding and expectation."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest

from hydro import simulate_arrays
from twin.errors import NumericsError, ScenarioError
from twin.words import LANGS

SHAPE = (4, 5)
CORES = numba.config.NUMBA_NUM_THREADS


def flat(value: float = 0.0, *cells: tuple[int, int, float]) -> np.ndarray:
    """Return a level raster with some cells of other values."""
    raster = np.full(SHAPE, value)
    for row, col, other in cells:
        raster[row, col] = other
    return raster


def ask(**changes: Any) -> Any:
    """Run one minute on a small plain with these arguments changed."""
    job: dict[str, Any] = {
        "terrain": flat(), "roughness": 0.03, "rain_m_s": [1e-5], "rain_s": [0.0], "cell_m": 5.0, "duration_s": 60.0,
    }  # fmt: skip
    return simulate_arrays(**(job | changes))


WRONG = [
    ({"terrain": flat(0.0, (1, 2, np.nan), (3, 4, np.inf))}, "array_gap", "2 cells, row 1, column 2: nan"),
    ({"terrain": flat(30.0, (2, 3, -9999.0), (3, 0, -9999.0))}, "array_no_data", "2 cells, 30 m, row 2, column 3: -9999"),
    ({"terrain": flat(30.0, (2, 3, -3.4e38))}, "array_no_data", "1 cells, 30 m, row 2, column 3: -3.4e+38"),
    (
        {"terrain": np.where(np.arange(20).reshape(SHAPE) < 15, -9999.0, 30.0)}, "array_no_data",
        "15 cells, 30 m, row 0, column 0: -9999",
    ),
    ({"terrain": np.append(np.full(19, -3.4e38), -32768.0).reshape(SHAPE)}, "array_no_data", "19 cells, -32768 m"),
    ({"terrain": flat(-9999.0)}, "array_all_no_data", "-9999 m"),
    ({"terrain": np.zeros(5)}, "array_shape", "terrain, (5,), (ny, nx)"),
    ({"terrain": np.zeros((0, 5))}, "array_shape", "terrain, (0, 5), (ny, nx)"),
    ({"terrain": 3.0}, "array_shape", "terrain, (), (ny, nx)"),
    ({"terrain": [[0.0, 1.0], [2.0]]}, "array_no_numbers", "terrain, list"),
    ({"roughness": "rough"}, "array_no_numbers", "roughness, str"),
    ({"roughness": flat(0.03, (1, 1, np.nan))}, "array_value", "roughness, 1 cells, row 1, column 1: nan, > 0"),
    ({"roughness": flat(0.03, (0, 4, 0.0), (2, 2, -1.0))}, "array_value", "roughness, 2 cells, row 0, column 4: 0, > 0"),
    ({"roughness": -0.03}, "array_value", "roughness, 20 cells, row 0, column 0: -0.03"),
    ({"roughness": np.full((5, 4), 0.03)}, "array_shape", "roughness, (5, 4), (4, 5)"),
    ({"roughness": np.full(5, 0.03)}, "array_shape", "roughness, (5,), (4, 5)"),
    ({"depth": np.zeros((2, 5))}, "array_shape", "depth, (2, 5), (4, 5)"),
    ({"depth": flat(0.0, (3, 1, -0.1))}, "array_value", "depth, 1 cells, row 3, column 1: -0.1, >= 0"),
    ({"rain_s": 0.0}, "array_shape", "rain_m_s: times_s, (), (times,)"),
    ({"rain_s": [0.0, 60.0]}, "array_series", "rain_m_s, 2, 1"),
    ({"rain_m_s": [0.0, 1e-5], "rain_s": [60.0, 0.0]}, "array_series", "rain_m_s"),
    ({"rain_s": [np.nan]}, "array_series", "rain_m_s"),
    ({"rain_m_s": np.zeros((1, 5, 4))}, "array_shape", "rain_m_s, (5, 4), (4, 5)"),
    ({"rain_m_s": np.zeros(SHAPE)}, "array_shape", "rain_m_s, (4, 5), (times, 4, 5)"),
    ({"rain_m_s": [-1e-5]}, "array_negative", "rain_m_s, -1e-05"),
    ({"rain_m_s": [flat(0.0, (1, 1, np.nan))]}, "array_negative", "rain_m_s, nan"),
    ({"dtype": "float16"}, "array_choice", "dtype, float16, float32, float64"),
    ({"scheme": "magic"}, "array_choice", "scheme, magic, auto, inertial, full, subgrid"),
    ({"scheme": "subgrid", "factor": 1}, "array_number", "factor, 1, 2, 3, 4 ..."),
    ({"scheme": "subgrid", "factor": 2.5}, "array_number", "factor, 2.5"),
    ({"threads": 0}, "array_number", f"threads, 0, 1 ... {CORES}"),
    ({"threads": CORES + 1}, "array_number", f"threads, {CORES + 1}"),
    ({"duration_s": 0.0}, "array_number", "duration_s, 0, > 0"),
    ({"duration_s": np.inf}, "array_number", "duration_s, inf"),
    ({"cell_m": -5.0}, "array_number", "cell_m, -5, > 0"),
    ({"cell_m": "5"}, "array_number", "cell_m, 5"),
    ({"every_s": 0.0}, "array_number", "every_s, 0, > 0"),
    ({"every_s": np.nan}, "array_number", "every_s, nan"),
    ({"courant": 0.0}, "array_number", "courant, 0, > 0, <= 0.67"),
    ({"courant": 0.7}, "array_number", "courant, 0.7, <= 0.67"),
    ({"courant": 0.6, "scheme": "full"}, "array_number", "courant, 0.6, <= 0.5"),
    ({"probes": [(0, 0), (4, 0)]}, "array_cell", "probes[1], (4, 0), (4, 5)"),
    ({"probes": [(-1, 0)]}, "array_cell", "probes[0], (-1, 0)"),
    ({"probes": [(0.5, 0)]}, "array_cell", "probes[0], (0.5, 0)"),
    ({"inflows": [(0, 0, [0.0], [np.nan])]}, "array_negative", "inflows[0], nan"),
    ({"inflows": [(0, 0, [0.0], [1.0]), (0, 0, [0.0], [-5.0])]}, "array_negative", "inflows[1], -5"),
    ({"inflows": [(-1, 0, [0.0], [1.0])]}, "array_cell", "inflows[0], (-1, 0), (4, 5)"),
    ({"inflows": [(0, 500, [0.0], [1.0])]}, "array_cell", "inflows[0], (0, 500)"),
    ({"inflows": [(0, 0, [0.0, 5.0], [1.0])]}, "array_series", "inflows[0], 2, 1"),
    ({"inflows": [(0, 0, 0.0, 1.0)]}, "array_shape", "inflows[0]: times_s, (), (times,)"),
    ({"boundaries": [("east", "open")]}, "array_boundary", "east, open, west, north, south, free, stage, flow"),
    ({"boundaries": [("east", "flow", [0.0], [-1.0])]}, "array_negative", "boundaries[0], -1"),
    ({"boundaries": [("east", "free"), ("east", "flow", [0.0], [1.0])]}, "array_side_twice", "east"),
    ({"boundaries": [{"side": "east"}]}, "array_shape", "boundaries[0], side, kind, times_s, values"),
    ({"inflows": [(3, 3, 2.0)]}, "array_shape", "inflows[0], row, col, times_s, m3_s"),
    ({"boundaries": [("up", "free")]}, "array_boundary", "up, free"),
    ({"boundaries": [("east", "stage", [0.0], [np.nan])]}, "array_negative", "boundaries[0], nan"),
    ({"boundaries": [("east", "stage", [0.0, 9.0], [1.0])]}, "array_series", "boundaries[0], 2, 1"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "code", "said"), WRONG, ids=[f"{'-'.join(c)}-{k}" for k, (c, _, _) in enumerate(WRONG)]
)
def test_what_cannot_be_simulated_is_named(changes, code, said) -> None:
    with pytest.raises(ScenarioError) as error:
        ask(**changes)
    assert error.value.code == code
    english = error.value.message("en")
    assert all(part in english for part in said.split(", ")), english
    assert all("{" not in error.value.message(lang) for lang in LANGS)


@pytest.mark.parametrize(
    "changes",
    [
        {"rain_m_s": 1e-5}, {"rain_m_s": [flat(1e-5)]}, {"rain_m_s": np.full((1, 1, 1), 1e-5)}, {"roughness": flat(0.05)},
        {"depth": 0.1}, {"courant": 0.67}, {"threads": 1}, {"probes": np.array([[0, 0]])}, {"terrain": flat(-400.0)},
        {"boundaries": [("east", "stage", [0.0], [-1.0])]},
    ],
)  # fmt: skip
def test_what_can_be_simulated_is(changes) -> None:
    run = ask(**changes)
    assert abs(run.volume_error) < 1e-4 and np.isfinite(run.depth).all()


def test_high_walls_are_no_reason_to_call_the_ground_a_no_data_mark() -> None:
    """Blocked cells stand 1000 m and more above the ground, and may be most of a raster."""
    run = ask(terrain=flat(2500.0, (1, 1, -5.0), (1, 2, -5.0)), dtype="float64")
    assert run.depth[1, 1] == pytest.approx(run.depth[1, 2]) and abs(run.volume_error) <= 1e-12


def test_a_sea_floor_is_no_mark() -> None:
    """It goes down cell by cell, however deep and however much of the raster it is."""
    run = ask(terrain=np.linspace(-6000.0, 20.0, 20).reshape(SHAPE))
    assert abs(run.volume_error) <= 1e-4


@pytest.mark.slow
def test_the_wall_clock_of_a_first_call_leaves_the_compilation_out(tmp_path) -> None:
    """In a new process with an empty kernel cache nearly all of a small job is compilation."""
    code = (
        "import time, numpy as np\nfrom hydro import simulate_arrays\nbegan = time.perf_counter()\n"
        "run = simulate_arrays(np.zeros((8, 8)), 0.03, 1e-5, [0.0], cell_m=5.0, duration_s=10.0, scheme='inertial')\n"
        "print(run.wall_s, time.perf_counter() - began)"
    )
    env = {**os.environ, "ANLAN_KERNEL_CACHE": str(tmp_path)}
    said = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=300, check=True
    )
    wall, whole = map(float, said.stdout.split())
    assert 0.0 < wall < 0.5 * whole


@pytest.mark.parametrize(
    ("scheme", "code"), [("inertial", "step_collapsed"), ("full", "step_collapsed"), ("subgrid", "water_lost")]
)
def test_an_impossible_inflow_is_named_with_time_and_cell(scheme: str, code: str) -> None:
    bed = np.random.default_rng(1).random((40, 40))
    with pytest.raises(NumericsError) as error:
        simulate_arrays(
            bed, 0.03, [0.0], [0.0], inflows=[(20, 5, [0.0], [1e9])], scheme=scheme, cell_m=5.0, duration_s=600.0
        )
    assert error.value.code == code
    assert (error.value.values["row"], error.value.values["col"]) == (20, 5)
    assert all("20" in error.value.message(lang) and " s" in error.value.message(lang) for lang in LANGS)
