"""Detectors that stick, drift or stand at the end of their scale are found, and true readings are left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evacuation.release.locate.faults import believed, faults

COUNT = 24


def gas(seed: int = 1, count: int = COUNT) -> np.ndarray:
    """Return what a detector reads in a plume that wanders: fluctuations of tens of per cent, moments without gas."""
    rng = np.random.default_rng(seed)
    return 1e-6 * rng.lognormal(0.0, 0.4, count) * (rng.random(count) > 0.3)


def table(**values: np.ndarray) -> pd.DataFrame:
    rows = [(60.0 * k, name, float(v), 0.0, np.inf) for name, own in values.items() for k, v in enumerate(own)]
    return pd.DataFrame(rows, columns=["time_s", "sensor", "value", "least", "most"]).sort_values(["time_s", "sensor"])


def test_one_that_sticks() -> None:
    value = gas()
    value[10:20] = value[9] = 0.7e-6
    found = faults(table(a=value, b=gas(2)))
    row = found.iloc[0]
    assert len(found) == 1 and (row["sensor"], row["fault"], row["from_s"], row["readings"]) == (
        "a",
        "sticks",
        540.0,
        11,
    )
    assert len(believed(table(a=value, b=gas(2)), found)) == 2 * COUNT - 11


def test_one_at_the_end_of_its_scale() -> None:
    value = gas()
    value[8:13] = 1e-5
    found = faults(table(a=value, b=gas(2)))
    assert found[["sensor", "fault", "readings"]].to_numpy().tolist() == [["a", "saturates", 5]]
    kept = believed(table(a=value, b=gas(2)), found)
    assert len(kept) == 2 * COUNT and (kept.loc[kept["sensor"] == "a", "most"] == 1e-5).all()
    assert np.isinf(kept.loc[kept["sensor"] == "b", "most"]).all()


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_one_that_drifts(sign: float) -> None:
    rng = np.random.default_rng(4)
    value = 2e-6 + sign * 5e-8 * np.arange(COUNT) + 1e-9 * rng.standard_normal(COUNT)
    found = faults(table(a=value, b=gas(2)))
    assert found[["sensor", "fault"]].to_numpy().tolist() == [["a", "drifts"]]
    assert set(believed(table(a=value, b=gas(2)), found)["sensor"]) == {"b"}


@given(st.integers(0, 10_000))
def test_gas_and_clean_air_are_no_fault(seed: int) -> None:
    assert not len(faults(table(a=gas(seed), b=np.zeros(COUNT), c=gas(seed + 1))))


def test_a_coarse_display_does_not_stick() -> None:
    """A detector that shows whole units shows equal ones when there is little gas."""
    value = np.array([0, 1, 1, 1, 1, 1, 1, 2, 2, 1, 0, 0, 3, 2, 2, 2, 1, 1], float)
    assert not len(faults(table(a=value)))
