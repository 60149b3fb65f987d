"""What a run tells beside the level: three densities of the densest spot, crowd pressure as a trend, slow sway of a dense crowd."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray

from evacuation.crowd.crowd import Crowd
from evacuation.crowd.people.walkers import People
from evacuation.crowd.proofs.worlds import disc, line, room
from evacuation.crowd.risk.density import ground_around, over
from evacuation.crowd.risk.measures import sway
from evacuation.crowd.risk.monitor import Monitor
from evacuation.crowd.risk.signs import WINDOW_S, Signs
from evacuation.crowd.venue.ways import Finder
from tests.unit.evacuation.test_crowd_hazard import clock, with_hall
from twin.city import City
from twin.streams import stream

SIDE = 12.0
PER_M2 = 1.0 / 0.4**2


def watched(shift: NDArray[np.float64], *, jitter: float = 0.0, groups: int = 1) -> tuple[Signs, Monitor]:
    """Return what watched people on a lattice of 0.4 m (6.25 persons/m2) who all move by `shift` (second, 2), m, from where they stood.

    `jitter`: everybody's own steps besides, m a second; of two groups the second moves the other way.
    """
    outline = shapely.box(0, 0, SIDE, SIDE)
    plan = room(outline, [line((SIDE, 5), (SIDE, 7))], outline.buffer(-0.3), ("all", "zone", outline))
    monitor = Monitor(over(Finder(plan), 0.5), plan.zones)
    signs, rng = Signs(plan, monitor), np.random.default_rng(3)
    at = np.stack(np.meshgrid(np.arange(3.0, 9.0, 0.4), np.arange(3.0, 9.0, 0.4)), axis=-1).reshape(-1, 2)
    count = len(at)
    group = np.arange(count) % groups
    way = np.where(group == 0, 1.0, -1.0)[:, None]
    for second, step in enumerate(shift):
        at = at + rng.normal(0.0, jitter, at.shape) if jitter else at
        mixed = rng.permutation(count)  # people are not kept in the same order from second to second
        people = People.standing(
            plan.local(at + way * step), **disc(np.full(count, 0.2)), free=np.ones(count), group=group,
            leaves=np.zeros(count), number=np.arange(count),
        )  # fmt: skip
        monitor.watch(people.chosen(mixed), second + 1.0)
        signs.watch(people.chosen(mixed), second + 1.0)
    return signs, monitor


def swings(period: float, far: float) -> NDArray[np.float64]:
    """Return the shifts of a crowd that swings so far to each side for four minutes."""
    t = np.arange(240.0)
    return far * np.sin(2.0 * np.pi * t / period)[:, None] * np.array([0.6, 0.8])


def test_the_densest_spot_is_told_by_three_kernels_of_one_second() -> None:
    table = watched(np.zeros((2, 2)))[0].table().iloc[0]
    assert table["gaussian"] == pytest.approx(PER_M2, rel=0.05)
    assert table["voronoi"] == pytest.approx(PER_M2, rel=0.05)
    assert table["grid"] == pytest.approx(PER_M2, rel=0.25), "25 or 30 people in a square of 4 m2"
    assert table["densest_after_s"] == 1.0 and np.isnan(table["sway_period_s"])


def test_ground_behind_an_inner_wall_and_under_an_obstacle_bounds_the_square() -> None:
    outline, inner = shapely.box(0, 0, SIDE, SIDE), line((9.0, 0.0), (9.0, SIDE))
    parts = ("inner", "wall", inner), ("kiosk", "obstacle", shapely.box(8.0, 5.5, 8.5, 6.5))
    plan = room(outline, [line((0, 5), (0, 7))], shapely.box(0.3, 0.3, 7.5, 11.7), *parts)
    spot = plan.local(np.array([[8.75, 6.0]]))[0]
    ground = ground_around(plan, over(Finder(plan), 0.5), spot, 1.0)
    assert ground.area == pytest.approx(2.0 * 1.25 - 0.5, rel=1e-6), "exact: 0.75 m of its 2 m lie behind the wall"


def test_a_crowd_that_swings_is_found_with_its_period_and_one_that_wanders_is_not() -> None:
    table = watched(swings(18.0, 0.3), jitter=0.005)[0].table().iloc[0]
    assert table["sway_period_s"] == pytest.approx(18.0, rel=0.05) and table["sway_after_s"] == 240.0
    wander = np.cumsum(np.cumsum(np.random.default_rng(1).normal(0.0, 0.002, (240, 2)), axis=0), axis=0)
    assert np.isnan(watched(0.3 * np.tanh(wander))[0].table()["sway_period_s"].iloc[0])


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.8, 0.95])
def test_noise_with_any_memory_is_hardly_ever_taken_for_a_sway(memory: float) -> None:
    rng, found = np.random.default_rng(5), 0
    for _ in range(200):
        v = np.zeros(WINDOW_S + 50)
        for k in range(1, len(v)):
            v[k] = memory * v[k - 1] + rng.normal()
        found += np.isfinite(sway(v[50:], 1.0, 3.0))
    assert found <= 6


def test_pressure_is_that_of_people_against_their_own_kind_and_none_of_a_crowd_that_shifts() -> None:
    along = np.arange(4.0)[:, None] * np.array([0.1, 0.0])
    assert watched(along)[0].pressure[0] == pytest.approx(0.0, abs=1e-12)
    assert watched(along, groups=2)[0].pressure[0] == pytest.approx(0.0, abs=1e-12), "two streams through one another"
    assert watched(along, jitter=0.05)[0].pressure[0] > 1e-3
    signs, _ = watched(along[:2])
    assert np.isnan(signs.pressure[0]), "nobody has been there for three seconds"


def test_a_run_tells_the_signs_and_goes_on_with_them_bit_by_bit(small_city: City) -> None:
    town, model = with_hall(small_city), Crowd("hall", persons=110)
    whole = model.simulate(town, {}, clock(40), rng=stream(1, "crowd"))
    first = model.simulate(town, {}, clock(20), rng=stream(1, "crowd"))
    second = model.simulate(town, {}, clock(20), rng=stream(1, "crowd"), state=first.state)
    both, once = second.tables["signs"], whole.tables["signs"]
    assert both.equals(once) and once["gaussian"].max() > 1.0
    assert second.fields["crowd_pressure"].values[-1] == pytest.approx(
        whole.fields["crowd_pressure"].values[-1], nan_ok=True
    )
    assert (once["gaussian"] == whole.tables["zones"]["peak_density"]).all()


def test_a_density_says_nothing_of_them(small_city: City) -> None:
    out = Crowd("hall", persons=110, form="stream").simulate(
        with_hall(small_city), {}, clock(20), rng=stream(1, "crowd")
    )
    assert "signs" not in out.tables and "crowd_pressure" not in out.fields
