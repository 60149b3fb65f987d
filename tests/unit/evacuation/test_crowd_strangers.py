"""Who knows only the way he came in leaves by it, however near another exit is, and by another one only while it is shut."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.proofs.worlds import emptied, filled, line, plan_of
from evacuation.crowd.venue.gates import Gates
from evacuation.crowd.venue.plan import Plan
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, parts, with_hall
from twin.city import City
from twin.errors import ScenarioError
from twin.hazard import Action
from twin.streams import stream


def hall(came_by: str) -> Plan:
    """Return a hall of 16 m by 6 m: the front door far in the west, another beside the people in the east."""
    outline = shapely.box(0, 0, 16, 6)
    front, beside = line((0, 2), (0, 4)), line((16, 2), (16, 4))
    fence = outline.exterior.difference(shapely.union(front, beside).buffer(0.005, cap_style="flat"))
    parts = [
        ("wall", "wall", fence), ("front", "gate", front), ("beside", "gate", beside),
        ("floor", "source", shapely.box(11, 1, 15, 5)),
    ]  # fmt: skip
    return plan_of(outline, parts, came_by=["", "", "", came_by])


@pytest.mark.parametrize(("strangers", "by_front"), [(0.0, 0), (1.0, 12)])
def test_strangers_leave_by_the_way_they_came(strangers: float, by_front: int) -> None:
    walkers = filled(hall("front"), 12, strangers=strangers)
    emptied(walkers, 60)
    assert walkers.left_by_gate.tolist() == [by_front, 12 - by_front]


def test_strangers_take_another_exit_while_theirs_is_shut() -> None:
    walkers = filled(hall("front"), 12, strangers=1.0)
    inner = np.array([gate.inner for gate in walkers.plan.gates], np.int8)
    walkers.set_gates(Gates(np.array([True, False]), np.zeros(2, np.int8), np.full(2, np.inf), inner))
    emptied(walkers, 60)
    assert walkers.left_by_gate.tolist() == [0, 12]


def test_a_way_in_that_is_not_there_is_refused() -> None:
    with pytest.raises(ScenarioError, match="portal"):
        hall("portal")


@pytest.mark.parametrize("form", ["stream", "mixed"])
def test_strangers_of_a_density_leave_by_the_way_they_came_too(small_city: City, form: str) -> None:
    """Half of those beside the east gate know the north gate alone, and as many leave by it; else nobody would."""
    rows = parts(floor=shapely.box(X + 11, Y + 2, X + 15.5, Y + 8), front=shapely.box(X + 1, Y + 1, X + 3, Y + 3))
    rows["came_by"] = np.where(rows["id"] == "hall/floor", "hall/north", None)
    left = []
    for share in (0.0, 0.5):
        crowd = Crowd("hall", persons=12, form=form, stream_cell_m=0.25, strangers=share)
        out = crowd.simulate(with_hall(small_city, rows), {}, clock(90), rng=stream(1, "crowd"))
        assert abs(out.balance.error) <= 1e-9
        left.append(out.tables["gates"].set_index("id")["left"])
    assert left[0]["hall/north"] <= 1 and left[0]["hall/east"] == pytest.approx(12, abs=1)
    assert left[1]["hall/north"] == pytest.approx(6, abs=1) and left[1]["hall/east"] == pytest.approx(6, abs=1)


@pytest.mark.parametrize("form", ["persons", "stream"])
def test_what_changes_nothing_is_told(small_city: City, form: str) -> None:
    """Strangers of a source without `came_by`, and trains that skip a stop at which nobody was to come."""
    skip = (Action("skip_stop", "hall/floor", 0.0),)
    for share, actions, told in ((0.5, skip, {"strangers_unknown", "skip_idle"}), (0.0, (), set())):
        crowd = Crowd("hall", persons=12, form=form, strangers=share)
        out = crowd.simulate(with_hall(small_city), {}, clock(10), actions, rng=stream(1, "crowd"))
        notes = dict(out.notes)
        assert notes.keys() & {"strangers_unknown", "skip_idle"} == told
        assert all(notes[code]["sources"] == ["hall/floor"] for code in told)
    coming = Crowd("hall", persons=12, form=form, arrivals_per_s=2.0)
    out = coming.simulate(with_hall(small_city), {}, clock(10), skip, rng=stream(1, "crowd"))
    assert "skip_idle" not in dict(out.notes) and dict(out.notes)["skipped"]["count"] == 20
