"""The street form: facades, wind along streets, boxes and junctions, the cloud above, and a run that hands it on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import geopandas as gpd
import numpy as np
import pytest
import shapely
import xarray as xr
from scipy.integrate import dblquad
from scipy.special import j0, j1, y0, y1

from evacuation.crowd.risk.dose import Doses
from evacuation.movement.movement import Movement
from evacuation.release.cloud import Cloud, Emission
from evacuation.release.dilution import PASSIVE
from evacuation.release.kernels import street_air
from evacuation.release.proofs.worlds import CRS, NORTH, WEST, even_air, streets, town, wind
from evacuation.release.release import TOLERANCE, Release
from evacuation.release.streets.facades import Facades, facades_of
from evacuation.release.streets.network import Boxes, network_of
from evacuation.release.streets.street_form import StreetForm
from evacuation.release.streets.wind import WALL_Z0, StreetWind, exchange_speed, mean_speed, wind_in
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from evacuation.release.ways import Water, ways_of
from scenarios.case.hazards import sheet
from twin.city import City
from twin.clock import Clock
from twin.drivers import hand_on, handed
from twin.errors import ScenarioError
from twin.exposure.exposure import expose
from twin.hazard import State
from twin.streams import stream

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 1200.0, 300.0)
DRIVERS = wind(CLOCK, {0.0: (2.0, 0.3), 600.0: (1.5, -0.8)})
MODEL = Release(substance="chlorine", site="works/T1", mass_kg=600.0, wind_members=2, streets=True)
LIMITS = limits_of(substance("chlorine"))
AIR = even_air(0.3, 0.0, 1.92, z0=0.5)


def built(city: City, houses: list[shapely.Geometry], floors: int = 5) -> City:
    """Return a city with these houses."""
    ids = [f"h{k}" for k in range(len(houses))]
    return replace(
        city, buildings=gpd.GeoDataFrame({"id": ids, "use": "residential", "floors": floors}, geometry=houses, crs=CRS)
    )


@pytest.fixture(scope="module")
def city() -> City:
    """A town of whole blocks between streets of 20 m, 200 m apart; its streets along the rim are open."""
    at = [(WEST + 200.0 * i, NORTH - 200.0 * j) for i in range(1, 9) for j in range(1, 9)]
    return built(town(), [shapely.box(x + 10, y - 190, x + 190, y - 10) for x, y in at])


def lone(length: float = 100.0, height: float = 15.0, boxes: float = 20.0) -> Boxes:
    """Return the boxes of one street that leads east, 20 m wide."""
    line = gpd.GeoDataFrame({"u": ["a"], "v": ["b"]}, geometry=[shapely.LineString([(0, 0), (length, 0)])], crs=CRS)
    return Boxes(network_of(line, np.array([20.0]), np.array([height]), np.array([True]), boxes))


def even_wind(boxes: Boxes, speed: float, exchange: float, east: float = 1.0, swing: float = 0.0) -> Boxes:
    even = np.ones(len(boxes.network.road))
    boxes.blow(StreetWind(speed * even, exchange * even, east, np.sqrt(1.0 - east**2), swing))
    return boxes


def test_facades_are_what_stands_first_on_both_sides(city: City) -> None:
    found, roads = facades_of(city), city.roads
    inner = found.canyon
    assert inner.sum() == 2 * 8 * 7  # streets between two blocks; the 32 along the rim have one side
    np.testing.assert_allclose(found.width[inner], 20.0)
    np.testing.assert_allclose(found.height[inner], 15.0)
    assert np.isnan(found.width[~inner]).all() and (found.built[~inner].min(axis=1) == 0.0).all()
    raised = replace(city, roads=roads.assign(level=1))
    sunk = replace(city, roads=roads.assign(underpass=True))
    low = built(city, list(city.buildings.geometry), floors=1)  # 3 m high, 20 m wide
    for other in (raised, sunk, low, built(city, [])):
        assert not facades_of(other).canyon.any()


def test_a_passage_under_a_house_has_no_facade(city: City) -> None:
    over = [shapely.box(*city.roads.geometry.iloc[20].buffer(30).bounds)]
    assert not facades_of(built(city, [*city.buildings.geometry, *over])).canyon[20]


def test_the_mean_speed_of_a_wide_street_is_that_of_its_logarithmic_profiles() -> None:
    """Where no part lies higher than half the width, the mean over the section of ln(d / z0), d to the nearest wall or the ground."""
    high, wide = 10.0, 50.0
    c = 0.6607  # of z0 / d = 0.005
    roof = np.sqrt(np.pi / (np.sqrt(2.0) * 0.16 * c) * (y0(c) - j0(c) * y1(c) / j1(c)))

    def profile(y: float, z: float) -> float:
        return np.log(min(y, z) / WALL_Z0) / np.log(high / WALL_Z0)

    corner = 2.0 * dblquad(lambda z, y: profile(y, z), 0.0, high, lambda y: y, high)[0]  # two halves alike
    middle = (wide - 2.0 * high) * (high - high / np.log(high / WALL_Z0))
    assert mean_speed(high, wide) == pytest.approx(roof * (2.0 * corner + middle) / (high * wide), rel=1e-3)


def test_the_wind_is_slower_in_a_narrower_and_in_a_deeper_street() -> None:
    assert mean_speed(10.0, 19.999) == pytest.approx(mean_speed(10.0, 20.001), rel=1e-3)
    assert mean_speed(20.0, 30.0) > mean_speed(20.0, 20.0) > mean_speed(20.0, 10.0) > mean_speed(40.0, 10.0) > 0.0
    calm, lifted = (exchange_speed(np.array([20.0]), np.array([0.3]), inv_l)[0] for inv_l in (0.02, -0.02))
    assert lifted > calm == pytest.approx(1.3 * 0.3 / (np.sqrt(2.0) * np.pi))


def test_directions_swing_about_the_wind() -> None:
    one = np.ones(1)
    blown = wind_in(AIR, one, one, 15.0 * one, 4.0 * one)
    assert blown.speed == pytest.approx(4.0 * 0.3) and 0.1 < blown.swing < 0.6
    east, north, share = replace(blown, swing=0.3).directions()
    np.testing.assert_allclose(np.hypot(east, north), 1.0)
    assert share.sum() == pytest.approx(1.0) and (share * north).sum() == pytest.approx(0.0, abs=1e-12)
    assert np.sqrt((share * np.arctan2(north, east) ** 2).sum()) == pytest.approx(0.3, rel=0.06)
    assert len(replace(blown, swing=0.0).directions()[0]) == 1


def test_a_still_street_empties_through_its_roof() -> None:
    boxes = even_wind(lone(), 0.0, 0.15)
    boxes.put(2, 3.0)
    for _ in range(100):
        boxes.advance(1.0, np.zeros(5), np.zeros(5), np.zeros(2))
    assert boxes.kg == pytest.approx(3.0 * np.exp(-0.15 * 100.0 / 15.0), rel=0.01)
    assert np.count_nonzero(boxes.c) == 1 and abs(boxes.balance(1e-12).check("release").error) < 1e-12


def test_the_air_at_an_open_end_blows_in_and_out_at_the_other() -> None:
    boxes = even_wind(lone(), 2.0, 0.0)
    outside = np.where(boxes.network.node_x < 50.0, 0.7, 0.0)
    for _ in range(100):
        boxes.advance(20.0, np.zeros(5), np.zeros(5), outside)
    np.testing.assert_allclose(boxes.c, 0.7)
    ledger = boxes.balance(1e-12).check("release")
    assert ledger.came_in["ends"] == pytest.approx(0.7 * 2.0 * 300.0 * 2000.0)
    assert ledger.went_out["roofs"] == ledger.went_out["junctions"] == 0.0


def test_a_swinging_wind_across_a_street_carries_gas_both_ways() -> None:
    boxes = even_wind(lone(), 2.0, 0.1, east=0.0, swing=0.3)
    source = np.array([0.0, 0.0, 1.0, 0.0, 0.0])
    for _ in range(200):
        boxes.advance(20.0, source, np.zeros(5), np.zeros(2))
    np.testing.assert_allclose(boxes.c, boxes.c[::-1], rtol=1e-9)
    assert boxes.c[2] > boxes.c[1] > boxes.c[0] > 0.0


def test_a_stub_of_a_road_does_not_set_the_step() -> None:
    stub, whole = lone(length=0.5), lone(length=10.0, boxes=10.0)
    assert stub.network.volume[0] == whole.network.volume[0] and stub.network.roof[0] == pytest.approx(10.0)


def test_places_at_several_heights_read_what_the_cloud_says() -> None:
    cloud = Cloud()
    for k in range(12):
        let = [Emission(0, 0.0, 0.0, 2.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)]
        let += [Emission(1, 50.0, 20.0, 0.0, 100.0, PASSIVE, 1.2, 4.0, 3.0)] if k == 0 else []
        cloud.step(let, 20.0, 8, 8 * k, AIR, 20.0 * k)
    # from 10 m on: within a source of 1 m the width changes by its own size along one piece
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(10.0, 900.0, 60), np.linspace(-200.0, 200.0, 41)))
    levels, level = np.array([1.5, 9.0, 40.0]), np.arange(len(x)) % 3
    c, inverse = np.zeros(len(x)), np.zeros((len(cloud.mass), 2, 3))
    street_air.prepare(inverse, cloud.ends, AIR.z0, AIR.west, AIR.north, AIR.tile_m, AIR.inv_l, levels)
    street_air.at_heights(c, inverse, cloud.drawn(AIR, 1.5), x, y, level)
    for k, z in enumerate(levels):
        exact = cloud.at(x, y, AIR, z)
        assert np.abs(c - exact)[level == k].max() < 6e-3 * exact.max() and exact.max() > 0.0


@pytest.fixture
def form(city: City) -> StreetForm:
    return StreetForm(city, city.grid, LIMITS, 0.0, CLOCK, 60.0, TOLERANCE, None)


def test_gas_of_a_source_between_facades_goes_into_its_box_and_above_the_roofs_into_none(form: StreetForm) -> None:
    low = Emission(0, WEST + 500.0, NORTH - 405.0, 1.0, 0.0, PASSIVE, 1.2, 1.0, 1.0)
    for let in (replace(low, mean_height=16.0), replace(low, y=NORTH - 500.0)):  # over the roof, in a yard
        form.step(Cloud(), AIR, [let], 20.0, np.zeros(form._grid.shape))
        assert form.boxes.kg == 0.0
    form.step(Cloud(), AIR, [low], 20.0, np.zeros(form._grid.shape))
    net = form.boxes.network
    assert form.boxes.balance(1e-12).came_in["sources"] == 20.0
    i = int(net.canyon[form.boxes.c.argmax()])
    assert form._lines[i].distance(shapely.Point(low.x, low.y)) == 5.0
    assert form.c.argmax() == net.road[i] and form.c.max() == form.boxes.c.max()
    form.step(Cloud(), AIR, [replace(low, kg_s=0.0, kg=7.0)], 20.0, np.zeros(form._grid.shape))
    assert form.boxes.balance(1e-12).check("release").came_in["sources"] == 27.0


def test_an_open_road_has_the_cloud_at_the_ground_and_one_off_the_grid_nothing_that_is_known(city: City) -> None:
    lines = list(city.roads.geometry)
    lines[-1] = shapely.LineString([(WEST - 500.0, NORTH), (WEST - 400.0, NORTH)])
    moved = replace(city, roads=city.roads.set_geometry(lines))
    count = len(lines)
    none = Facades(np.full(count, np.nan), np.full(count, np.nan), np.zeros((count, 2)))
    form = StreetForm(moved, city.grid, LIMITS, 0.0, CLOCK, 60.0, TOLERANCE, None, none)
    c = np.zeros(city.grid.shape)
    c[10, :] = 3e-3  # along the first street from west to east, y = NORTH - 200 .. NORTH - 220
    form.step(Cloud(), AIR, [], 20.0, c)
    form.frame(20.0)
    fields = form.fields()
    worst = fields["max_street_concentration"].values
    assert worst[0] == np.float32(3e-3) and np.isnan(worst[-1]) and np.isfinite(worst[:-1]).all()
    assert float(fields["street_dose"][0]) > 0.0
    assert np.isnan(fields["street_dose_rate"].values[:, -1]).all()
    assert form.notes() == [("streets", {"canyons": 0, "open": count})]


@pytest.fixture(scope="module")
def whole(city: City):
    return MODEL.simulate(city, DRIVERS, CLOCK, (), stream(7, "release"))


def test_a_run_says_what_stands_in_its_streets(whole, city: City) -> None:
    fields, forms = whole.fields, whole.tables["streets"].set_index("id")["form"]
    assert (forms == "canyon").sum() == 112 and len(forms) == len(city.roads)
    assert (fields["max_street_concentration"] >= fields["street_concentration"].max("time")).all()
    summed = fields["street_dose_rate"].isel(time=slice(0, -1)).sum("time") * CLOCK.step_s
    np.testing.assert_allclose(summed, fields["street_dose"], rtol=1e-4, atol=1e-9)
    assert float(fields["street_dose"].max()) > 0.0
    gas = whole.tables["street_gas"].set_index("what")["kg"]
    came, went = gas.filter(regex="in_(sources|roofs|junctions|ends)"), gas.filter(like="out_")
    assert came.sum() == pytest.approx(went.sum() + gas["in_streets"], rel=1e-9) and gas["in_sources"] > 0.0
    assert "streets" in {code for code, _ in whole.notes}


def test_the_cloud_is_the_same_with_streets_and_without(whole, city: City) -> None:
    plain = replace(MODEL, streets=False).simulate(city, DRIVERS, CLOCK, (), stream(7, "release"))
    assert not [name for name in plain.fields if "street" in str(name)]
    for name in set(plain.fields) - {"stay_or_leave", "leave_before"}:  # the way out leads through the streets
        np.testing.assert_array_equal(plain.fields[name], whole.fields[name])


def test_a_road_has_the_colour_of_the_worse_of_its_street_and_the_cells(whole, city: City) -> None:
    release = sheet("release")
    seen, plain = (expose(city, fields, release) for fields in (whole.fields, without_streets(whole.fields)))
    street = whole.fields["max_street_severity"].values
    assert (street > plain.roads["peak"]).any() and (street < plain.roads["peak"]).any()
    np.testing.assert_allclose(seen.roads["peak"], np.maximum(plain.roads["peak"], street), rtol=1e-6)
    other = ~seen.places["kind"].isin(["road", "street"])
    np.testing.assert_array_equal(seen.places["peak"][other], plain.places["peak"][other])


def without_streets(fields: xr.Dataset) -> xr.Dataset:
    """Return the fields on cells and blocks alone."""
    return fields.drop_vars([name for name in fields if "edge" in fields[name].dims])


def test_the_way_out_collects_the_higher_of_street_and_cloud(city: City) -> None:
    ways = ways_of(city, 1.2, 60.0)
    dry = Water(np.zeros(1), np.zeros((1, len(ways.x)), np.float32))
    cells = np.full((10, *city.grid.shape), 1e-4)
    everywhere = np.array([0])
    for streets_, expected in (
        (None, 1e-4),
        (np.full((10, len(city.roads)), 5e-5), 1e-4),
        (np.full((10, len(city.roads)), 3e-4), 3e-4),
    ):
        doses, _ = ways.least_doses(everywhere, cells, city.grid, 60.0, dry, 0, streets_)
        assert doses[0, 0] == pytest.approx(600.0 * expected, rel=1e-12)
    gassed = np.zeros((10, len(city.roads)))
    gassed[:, ways.road[0]] = 1.0
    least = ways.least_doses(everywhere, 0.0 * cells, city.grid, 60.0, dry, 0, gassed)[0][0, 0]
    assert 0.0 < least < 600.0  # out of the street that holds the gas


def test_a_run_cut_in_two_is_the_whole_run(whole, city: City, tmp_path) -> None:
    first = MODEL.simulate(city, DRIVERS, CLOCK.first(600.0), (), stream(7, "release"))
    first.state.save(tmp_path / "state.npz")
    kept = State.load(tmp_path / "state.npz")
    second = MODEL.simulate(city, DRIVERS, CLOCK.after(600.0), (), stream(7, "release"), kept)
    for name in ("street_concentration", "street_dose_rate", "street_severity"):
        np.testing.assert_array_equal(whole.fields[name][2:], second.fields[name])
    for name in ("max_street_concentration", "street_dose", "max_street_severity"):
        np.testing.assert_array_equal(whole.fields[name], second.fields[name])
    with pytest.raises(ScenarioError, match="streets"):
        replace(MODEL, streets=False).simulate(city, DRIVERS, CLOCK.after(600.0), (), stream(7, "release"), kept)


def test_movement_is_handed_the_streets_and_a_venue_leaves_them_aside(whole, city: City) -> None:
    given = hand_on({}, MODEL, whole)
    read = handed(given, Movement)
    assert {"toxic_dose_rate", "street_dose_rate"} <= set(read)
    assert "street_dose_rate" not in {v.name for v in Release.gives}
    rates = {name: given[name] for name in ("toxic_dose_rate", "street_dose_rate")}
    assert len(Doses(None, city, CLOCK, rates, None)._rates) == 1


def test_streets_without_roads_are_refused(city: City) -> None:
    bare = replace(city, roads=city.roads.iloc[:0])
    for act in (lambda: MODEL.check(bare, DRIVERS, CLOCK), lambda: MODEL.simulate(bare, DRIVERS, CLOCK)):
        with pytest.raises(ScenarioError, match="streets is true"):
            act()


def test_roads_add_to_the_size_of_the_results(city: City) -> None:
    more = MODEL.result_bytes(city, CLOCK) - replace(MODEL, streets=False).result_bytes(city, CLOCK)
    assert more == 12 * len(city.roads) * 5


def test_no_road_needs_to_be_a_canyon() -> None:
    roads = streets(200.0, 3)
    none = np.zeros(len(roads), bool)
    boxes = Boxes(network_of(roads, np.full(len(roads), np.nan), np.full(len(roads), np.nan), none, 20.0))
    even_wind(boxes, 1.0, 0.1)
    boxes.advance(20.0, np.zeros(0), np.zeros(0), np.zeros(0))
    assert boxes.kg == 0.0
