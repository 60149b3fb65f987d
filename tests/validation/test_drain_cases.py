"""Drains against published results; bounds and their sources stand beside each figure."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hydro.drain_cases import ea8b

REFERENCE = Path(os.environ.get("ANLAN_REFERENCE", "-")) / "hydro"
pytestmark = [
    pytest.mark.reference,
    pytest.mark.skipif(not REFERENCE.exists(), reason="ANLAN_REFERENCE names no folder: published data not at hand"),
]


def test_a_surcharging_sewer_as_in_the_ea_benchmark() -> None:
    found = ea8b(REFERENCE / "ea_test8b")  # the reference's README: NSE > 0.9 and peak within 15 % on a level plane
    assert found["nse"] >= 0.90
    assert abs(found["peak_error"]) <= 0.15
    assert abs(found["peak_lag_s"]) <= 120.0
    assert abs(found["continuity_error"]) <= 0.01
    coarse = ea8b(REFERENCE / "ea_test8b", exchange_s=2.0)
    assert coarse["nse"] >= 0.90, "twice the exchange step gives the same answer"
