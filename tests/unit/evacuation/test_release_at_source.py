"""What is to be done where it leaks, and until when orders hold while the wind is not known for sure."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from evacuation.release.air_changes import AirChanges
from evacuation.release.members import Shares
from evacuation.release.proofs.worlds import town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from twin.clock import Clock
from twin.hazard import Action, Outcome

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)
FRAME_S = 100.0


def run(speed: float = 1.5, actions: tuple[Action, ...] = (), members: int = 8, **changes: object) -> Outcome:
    asked = {"substance": "chlorine", "site": "works/T1", "hole_mm": 12.0, "start_min": 5.0, "warned_min": 5.0}
    model = Release(**asked | {"wind_members": members} | changes)  # type: ignore[arg-type]
    return model.simulate(town(), wind(CLOCK, {0.0: (speed, 0.0)}), CLOCK, actions)


@pytest.mark.parametrize("members", [0, 8])
def test_a_leak_is_to_be_stopped_from_upwind_once_it_is_known_and_fenced_off_as_far_as_it_kills(members: int) -> None:
    found = run(members=members)
    (row,) = found.tables["at_source"].to_dict("records")
    assert (row["id"], row["known"], row["by_s"], row["upwind_deg"]) == ("works/T1", True, 600.0, 270.0)
    assert row["cordon"] and np.isnan(row["until_s"]) and row["out_kg"] > 0.0
    deadly = found.fields["max_gas_severity"] >= 3.0
    x, y = np.meshgrid(found.fields["x"] - 500_300.0, found.fields["y"] - 3_398_990.0)
    far = float(np.hypot(x, y)[deadly.values].max())
    assert float(row["within_m"].replace(",", "").removeprefix("≥ ")) >= far


def test_where_nobody_is_in_danger_of_life_nothing_is_fenced_off_and_a_calm_has_no_upwind_side() -> None:
    little, calm = run(hole_mm=1.0, mass_kg=0.01, members=0), run(speed=0.0)
    assert not little.tables["at_source"]["cordon"].any() and (little.tables["at_source"]["within_m"] == "").all()
    assert calm.tables["at_source"]["upwind_deg"].isna().all()


def test_a_leak_that_a_measure_holds_back_is_no_task() -> None:
    held = run(actions=(Action("shut_valve", "works/T1"),), members=0)
    assert held.tables["at_source"].empty


def test_a_measure_before_anybody_knows_of_the_leak_is_told() -> None:
    soon, later = (
        dict(run(actions=(Action("patch", "works/T1", s, values={"share": 0.5}),), members=0).notes)
        for s in (540.0, 660.0)
    )
    assert "early" not in later and soon["early"]["measure"] == "patch" and soon["early"]["place"] == "works/T1"
    assert soon["early"]["time"] < soon["early"]["known"]


def test_windows_are_opened_when_the_air_is_cleaner_outdoors_in_nearly_all_winds() -> None:
    """Gas that stays 2, 4, ... 20 frames in ten members: less than a tenth of them hold it when the last is clear, less than half after 12."""
    gas = substance("chlorine")
    shares = Shares(10, (1, 1), limits_of(gas), 0.0, FRAME_S, None)
    rooms = AirChanges(1.5 / 3600.0, 0.5 / 3600.0, (1, 1), 10)
    for k in range(25):
        there = np.array([k < 2 * (m + 1) for m in range(10)], float).reshape(10, 1, 1)
        shares.add(1e-5 * there, FRAME_S, rooms, True, k * FRAME_S)
    assert shares.clearing(0.1)[0, 0] == pytest.approx(20 * FRAME_S)
    assert shares.clearing(0.5)[0, 0] == pytest.approx(12 * FRAME_S) and (shares.quenching(0.1) == 0.0).all()


def test_no_block_is_told_to_open_its_windows_while_it_is_told_to_shut_them() -> None:
    told = run(speed=4.0, outflow="sudden", mass_kg=300.0, hole_mm=25.0, warned_min=45.0).tables["advice"]
    stays = told[told["advice"] == "stay"]
    assert not (stays["until_s"] <= stays["by_s"]).any()
    gone = told[told["reason"] == "gone"]
    assert len(gone) and (gone["advice"] == "none").all() and gone["until_s"].notna().all()
