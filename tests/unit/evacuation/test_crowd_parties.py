"""Who walks in company comes, stands, walks and leaves with his party, the same one in every plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.people.arrivals import BODIES_M, Comers
from evacuation.crowd.people.parties import Parties
from evacuation.crowd.people.walkers import People
from evacuation.crowd.proofs.worlds import SECOND, emptied, filled, line, room
from evacuation.crowd.venue.plan import Plan
from evacuation.crowd.venue.ways import Finder
from tests.unit.evacuation.test_crowd_hazard import clock, with_hall
from tests.unit.evacuation.test_crowd_levels import storeys
from twin.city import City
from twin.hazard import Action, State
from twin.streams import stream


def hall(length: float = 20.0, wide: float = 1.0) -> Plan:
    """Return a hall of 12 m with one door in the east; people stand in its first 10 m."""
    door = line((length, 6.0 - wide / 2.0), (length, 6.0 + wide / 2.0))
    return room(shapely.box(0, 0, length, 12), [door], shapely.box(0.3, 0.3, 10, 11.7))


def members(people: People) -> Iterator[NDArray[np.int64]]:
    """Return who belongs to each party."""
    for party in np.unique(people.party[people.party >= 0]):
        yield np.flatnonzero(people.party == party)


def length_of(people: People, party: NDArray[np.int64]) -> float:
    return float(pdist(np.column_stack([people.x[party], people.w[party]])).max(initial=0.0))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7])
def test_the_share_of_all_walks_in_parties_of_the_published_law(share: float) -> None:
    sizes = Parties(7, share, [500]).of(0, 0, np.array([40_000]))
    assert sizes.sum() == 40_000 and sizes[sizes > 1].sum() / 40_000 == pytest.approx(share, abs=0.01)
    if share:  # by the law two are to three as 3 to -ln(1 - share)
        pairs, threes = ((sizes == k).sum() for k in (2, 3))
        assert threes / pairs == pytest.approx(-np.log(1.0 - share) / 3.0, rel=0.1)
    assert Parties(7, share, [2]).sizes(0, 0, 1000).max() <= 2, "no party is larger than its source holds"


@pytest.mark.parametrize("persons", [30, 700])
def test_a_party_stands_together_at_the_start_and_nobody_in_anybody(persons: int) -> None:
    people = filled(hall(), persons, together=0.7).people
    assert (people.party >= 0).mean() > 0.5
    assert pdist(np.column_stack([people.x, people.w])).min() > BODIES_M - 1e-9
    for party in members(people):
        assert (np.diff(people.number[party]) == 1).all() and people.number[party[0]] == people.party[party[0]]
        assert np.hypot(np.diff(people.x[party]), np.diff(people.w[party])).max() < 2.0


def test_a_party_stays_together_on_its_way_and_people_who_walk_alone_do_not() -> None:
    longest = []
    for together in (True, False):
        walkers = filled(hall(60.0, 6.0), 30, together=0.7)
        party_of = walkers.people.party.copy()  # people are numbered in the order in which they stand
        if not together:
            walkers.people.party[:] = -1
        far = 0.0
        for second in range(70):
            walkers.walk(float(second), SECOND)
            people = walkers.people._replace(party=party_of[walkers.people.number])
            far = max([far, *(length_of(people, party) for party in members(people))])
        assert walkers.people.count == 0
        longest.append(far)
    assert longest[0] < 4.0 < 8.0 < longest[1]


def test_parties_do_not_shut_a_door_by_waiting_in_it() -> None:
    together, alone = (emptied(filled(hall(), 150, together=share), 300) for share in (0.7, 0.0))
    assert together < 1.2 * alone


def test_who_waits_for_nobody_any_more_goes_on() -> None:
    walkers = filled(hall(30.0), 2)
    walkers.people.party[:] = 0
    walkers.people.free[:] = [0.6, 1.4]
    walkers.walk(0.0, 6 * SECOND)
    walkers.people = walkers.people.chosen(walkers.people.number == 1)
    assert emptied(walkers, 30) < 25, "30 m at 1.4 m/s: his party of two was taken away but for him"


def come(plan: Plan, seconds: int, per_s: float, shut: bool = False) -> tuple[Comers, list[People]]:
    """Return who is inside after each second of people who come to a hall, all in the share of 0.7."""
    actions = (Action("meter_inflow", "gate-1", values={"persons_per_s": 0.3}),) if shut else ()
    walkers = filled(plan, 1, actions=actions)
    walkers.people = walkers.people.first(0)
    comers, seen = Comers(plan, Finder(plan), 7, None, 0, per_s, 0.0, together=0.7), []
    for t in range(seconds):
        comers.step(walkers, float(t), float(t))
        seen.append(walkers.people)
        walkers.walk(float(t), SECOND)
    return comers, seen


def test_a_party_comes_as_a_whole_and_is_the_same_in_another_plan() -> None:
    came = []
    for shut in (False, True):
        comers, seen = come(hall(), 40, 1.3, shut)
        party = {}
        for people in seen:
            new = ~np.isin(people.number, list(party))
            party |= dict(zip(people.number[new].tolist(), people.party[new].tolist(), strict=True))
            for who in members(people.chosen(new)):
                assert len(who) > 1 and length_of(people.chosen(new), who) < 2.0
        came.append(party)
        assert comers.in_parties == sum(p >= 0 for p in party.values()) > 10
        assert 40 * 1.3 - 6 < len(party) + comers.outside.sum() <= 40 * 1.3
    assert came[0] == came[1]


def test_parties_wait_outside_for_room_and_a_small_source_takes_small_ones() -> None:
    tiny = room(shapely.box(0, 0, 8, 4), [line((8, 1), (8, 3))], shapely.box(0.3, 1.5, 0.9, 2.5))
    comers, _ = come(tiny, 20, 6.0)
    assert comers.outside.sum() > 0 and comers.made > 40 and comers.parties > 5
    assert comers.made + comers.outside.sum() > 120 - 6


def test_a_party_is_told_to_leave_together_and_in_one_stage(small_city: City) -> None:
    times = clock(60).times
    series = xr.DataArray(
        [[60.0], [33.0]], dims=("time", "place"), coords={"time": times[[0, 2]], "place": ["hall"]}, name="attendance"
    )
    staged = (Action("staged_end", "hall", values={"stages": 3, "minutes": 5.0}),)
    crowd = Crowd("hall", leave_within_s=60.0, parties=0.7)
    out = crowd.simulate(with_hall(small_city), {"attendance": series}, clock(30), staged, stream(1, "crowd"))
    party, leaves = out.state.arrays["people_party"], out.state.arrays["people_leaves"]
    assert all(len(set(leaves[party == k])) == 1 for k in np.unique(party[party >= 0]))
    told = np.isfinite(leaves).sum() + out.counts["where"][3.0].iloc[-1]
    assert 27 - 6 < told <= 27 and leaves[np.isfinite(leaves)].max() > 600.0, "some wait for the third stage"


def test_a_split_run_with_parties_equals_the_whole_run_and_says_how_many(small_city: City, tmp_path: Path) -> None:
    city, whole = with_hall(small_city), clock(40)
    model = Crowd("hall", persons=60, arrivals_per_s=1.3, parties=0.6)
    one = model.simulate(city, {}, whole, rng=stream(1, "crowd"))
    model.simulate(city, {}, whole.first(20), rng=stream(1, "crowd")).state.save(tmp_path / "state.npz")
    second = model.simulate(city, {}, whole.after(20), rng=stream(9, "crowd"), state=State.load(tmp_path / "state.npz"))
    for name, values in one.state.arrays.items():
        np.testing.assert_array_equal(second.state.arrays[name], values, err_msg=name)
    pd.testing.assert_frame_equal(second.tables["zones"], one.tables["zones"])
    told = dict(one.notes)["parties"]
    assert told == dict(second.notes)["parties"] and 40 < told["count"] < 90 and told["share"] == 60
    assert "parties" not in dict(replace(model, parties=0.0).simulate(city, {}, whole.first(10)).notes)


def test_parties_come_down_a_stair_between_levels(small_city: City) -> None:
    crowd = Crowd("hall", persons=60, parties=0.7)
    out = crowd.simulate(with_hall(small_city, storeys()), {}, clock(120), rng=stream(1, "crowd"))
    assert out.tables["gates"]["left"].tolist() == [60] and out.balance.error == 0.0


@pytest.mark.parametrize("form", ["stream", "mixed"])
def test_the_density_forms_say_that_they_follow_no_party(small_city: City, form: str) -> None:
    crowd = Crowd("hall", persons=12, form=form, stream_cell_m=0.25, parties=0.4)
    out = crowd.simulate(with_hall(small_city), {}, clock(10), rng=stream(1, "crowd"))
    assert dict(out.notes)["stream_no_parties"] == {"share": 40}
