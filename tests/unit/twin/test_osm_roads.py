"""OpenStreetMap ways as people draw them: what differs stays apart, what is cut is told, what lies on the ground is not lifted."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from twin.errors import SourceError
from twin.readers.osm import read_foot_underpasses, read_roads, underpasses

CRS = "EPSG:4547"
DEGREE_M = 95_950.0  # of longitude at 30.5 N: eight nodes of a street 100 m apart
NODES = "".join(f'<node id="{k}" lat="30.5447" lon="{114.001 + k * 100 / DEGREE_M:.7f}"/>' for k in range(1, 9))


def way(ref: int, nodes: list[int], **tags: str) -> str:
    refs = "".join(f'<nd ref="{n}"/>' for n in nodes)
    return f'<way id="{ref}">{refs}' + "".join(f'<tag k="{k}" v="{v}"/>' for k, v in tags.items()) + "</way>"


def written(folder: Path, *ways: str, first: str = NODES, name: str = "x.osm") -> Path:
    path = folder / name
    path.write_text(f'<osm version="0.6">{first}{"".join(ways)}</osm>', "utf-8")
    return path


def street(folder: Path, **middle: str) -> Path:
    """700 m of one street, its middle 100 m with tags of its own."""
    return written(
        folder,
        way(10, [1, 2, 3, 4], highway="secondary", name="人民路"),
        way(11, [4, 5], highway="secondary", name="人民路", **middle),
        way(12, [5, 6, 7, 8], highway="secondary", name="人民路"),
    )


@pytest.mark.parametrize(
    ("tags", "levels", "low"),
    [
        ({"bridge": "yes"}, [0, 1, 0], 0),
        ({"bridge": "viaduct"}, [0, 1, 0], 0),
        ({"bridge": "low_water_crossing"}, [0, 0, 0], 0),
        ({"tunnel": "yes"}, [0, -1, 0], 1),
        ({"tunnel": "building_passage"}, [0, 0, 0], 0),
    ],
)
def test_a_tag_that_matters_to_water_holds_where_it_stands_and_no_farther(tags, levels, low, tmp_path: Path) -> None:
    roads, _ = read_roads(street(tmp_path, **tags), CRS)
    along = roads.assign(x=roads.geometry.centroid.x).sort_values("x")
    assert along["level"].tolist() == levels and roads["underpass"].sum() == low
    assert along.length.tolist() == pytest.approx([300.0, 100.0, 300.0], rel=0.01)
    assert len(underpasses(roads)) == low


def test_what_does_not_differ_stays_one_road(tmp_path: Path) -> None:
    roads, _ = read_roads(street(tmp_path), CRS)
    assert len(roads) == 1 and roads.length.iloc[0] == pytest.approx(700.0, rel=0.01)


def test_a_line_runs_from_its_first_junction_to_its_second(tmp_path: Path) -> None:
    ways = (
        way(10, [5, 4, 3, 1], highway="primary"),
        way(11, [8, 7, 5], highway="tertiary"),
        way(12, [3, 6], highway="trunk"),
    )
    roads, _ = read_roads(written(tmp_path, *ways), CRS)
    at: dict[str, set[float]] = {}
    for road in roads.itertuples():
        for node, k in ((road.u, 0), (road.v, -1)):
            at.setdefault(node, set()).add(round(road.geometry.coords[k][0]))
    assert len(at) == 5 and all(len(places) == 1 for places in at.values()), at


def test_a_long_tunnel_in_pieces_is_no_underpass(tmp_path: Path) -> None:
    pieces = [way(10 + k, [k, k + 1], highway="primary", tunnel="yes", lanes=str(k)) for k in range(1, 8)]
    roads, _ = read_roads(written(tmp_path, *pieces), CRS)
    assert len(roads) == 7 and (roads["level"] == -1).all() and not roads["underpass"].any()


@pytest.mark.parametrize(
    ("lanes", "speed", "expected"),
    [
        ("0", "walk", (6, 5.0)),
        ("2;3", "CN:urban", (2, 60.0)),
        ("1.5", "30 mph", (1, 48.28032)),
        ("many", "none", (6, 60.0)),
        ("4", "80;60", (4, 60.0)),
        ("50", "500", (6, 60.0)),
        ("-2", "50 km/h", (6, 50.0)),
    ],
)
def test_odd_lanes_and_speeds_are_read_or_taken_from_the_class(lanes, speed, expected, tmp_path: Path) -> None:
    roads, _ = read_roads(written(tmp_path, way(10, [1, 2], highway="primary", lanes=lanes, maxspeed=speed)), CRS)
    assert (roads["lanes"].iloc[0], roads["speed_kmh"].iloc[0]) == pytest.approx(expected)


def test_a_clipped_way_is_cut_at_the_missing_node_and_told(tmp_path: Path) -> None:
    path = written(
        tmp_path, way(10, [1, 2, 3], highway="primary"), way(11, [3, 99], highway="residential"),
        way(12, [4, 98, 6, 7], highway="residential"),
    )  # fmt: skip
    roads, findings = read_roads(path, CRS)
    assert sorted(roads.length.round(-2)) == [100.0, 200.0]
    assert {f.code: f.count for f in findings}["ways_clipped"] == 2


def test_ways_may_stand_before_their_nodes_and_the_file_may_be_packed(tmp_path: Path) -> None:
    path = written(tmp_path, NODES, first=way(10, [1, 2, 3], highway="primary"))
    for suffix, pack in ((".gz", gzip.compress), (".bz2", bz2.compress)):
        packed = tmp_path / f"x.osm{suffix}"
        packed.write_bytes(pack(path.read_bytes()))
        assert len(read_roads(packed, CRS)[0]) == len(read_roads(path, CRS)[0]) == 1


@pytest.mark.parametrize("spoil", [lambda b: b[:-9], lambda b: b"no gzip", lambda b: b[:20] + b"\0" + b[21:]])
def test_a_damaged_packed_extract_is_refused_with_one_sentence(spoil, tmp_path: Path) -> None:
    packed = tmp_path / "x.osm.gz"
    packed.write_bytes(spoil(gzip.compress(written(tmp_path, way(10, [1, 2], highway="primary")).read_bytes())))
    for reader in (read_roads, read_foot_underpasses):
        with pytest.raises(SourceError) as error:
            reader(packed, CRS)
        assert error.value.code == "file_unreadable"


def test_an_underpass_for_people_on_foot_is_a_place(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        way(10, [1, 8], highway="primary"),
        way(20, [3, 4], highway="steps", tunnel="yes"),
        way(21, [4, 5], highway="footway", tunnel="yes", name="地下通道"),
        way(22, [6, 7], highway="footway", tunnel="building_passage"),
    )
    found = read_foot_underpasses(path, CRS)
    assert found["name_zh"].tolist() == ["地下通道"] and found["kind"].tolist() == ["underpass"]
    assert found.length.iloc[0] == pytest.approx(200.0, rel=0.01), "steps and passage are one place"


@pytest.mark.parametrize(
    ("tags", "oneway", "begins_at"),
    [
        ({}, False, None),
        ({"oneway": "no"}, False, None),
        ({"oneway": "reversible"}, False, None),
        ({"oneway": "yes"}, True, "1"),
        ({"oneway": "1"}, True, "1"),
        ({"oneway": "-1"}, True, "4"),
        ({"junction": "roundabout"}, True, "1"),
        ({"junction": "roundabout", "oneway": "no"}, False, None),
        ({"highway": "motorway"}, True, "1"),
        ({"highway": "motorway", "oneway": "no"}, False, None),
    ],
)
def test_a_road_of_one_direction_is_drawn_as_vehicles_run_it(tags, oneway, begins_at, tmp_path: Path) -> None:
    roads, findings = read_roads(
        written(
            tmp_path, way(10, [1, 2, 3, 4], **{"highway": "secondary", **tags}), way(11, [4, 5], highway="tertiary")
        ),
        CRS,
    )
    road = roads[roads["road_class"] != "tertiary"].iloc[0]
    assert len(roads) == 2 and road["oneway"] == oneway and not roads.set_index("road_class")["oneway"]["tertiary"]
    if begins_at:
        assert road["u"] == begins_at and road["v"] == {"1": "4", "4": "1"}[begins_at]
        assert (road.geometry.coords[-1][0] > road.geometry.coords[0][0]) == (begins_at == "1")
    both = {"secondary": 4, "motorway": 6}[road["road_class"]]
    assert road["lanes"] == (both // 2 if oneway else both)  # the class has the lanes of both directions
    told = {f.code for f in findings}
    assert ("oneway_missing" in told) == (tags in ({}, {"highway": "secondary"}))
    assert ("oneway_changing" in told) == (tags.get("oneway") == "reversible")


def test_pieces_of_one_street_with_other_directions_stay_apart(tmp_path: Path) -> None:
    roads, _ = read_roads(street(tmp_path, oneway="-1"), CRS)
    along = roads.assign(x=roads.geometry.centroid.x).sort_values("x")
    assert along["oneway"].tolist() == [False, True, False] and along["u"].iloc[1] == "5"


def crossing(folder: Path, tags: dict[str, str], via: tuple[str, int] = ("node", 3), last: int = 12) -> Path:
    """A secondary road that ends in node 3, where a primary and a residential one lead on, and a rule for who comes by it."""
    members = (("from", "way", 10), ("via", *via), ("to", "way", last))
    rule = "".join(f'<member role="{role}" type="{kind}" ref="{ref}"/>' for role, kind, ref in members)
    rule += "".join(f'<tag k="{k}" v="{v}"/>' for k, v in {"type": "restriction", **tags}.items())
    return written(
        folder,
        way(10, [1, 2, 3], highway="secondary"),
        way(11, [3, 4, 5], highway="primary"),
        way(12, [3, 6, 7], highway="residential", oneway="yes"),
        f'<relation id="1">{rule}</relation>',
    )


@pytest.mark.parametrize(
    ("tags", "via", "last", "barred", "left_out"),
    [
        ({"restriction": "no_left_turn"}, ("node", 3), 12, {"residential"}, 0),
        ({"restriction": "only_straight_on"}, ("node", 3), 11, {"residential", "secondary"}, 0),
        ({"restriction": "no_u_turn", "except": "psv"}, ("node", 3), 10, {"secondary"}, 0),
        ({"restriction": "no_left_turn", "except": "bus;motorcar"}, ("node", 3), 12, set(), 0),
        ({"restriction:hgv": "no_left_turn"}, ("node", 3), 12, set(), 0),
        ({"restriction": "no_left_turn", "hour_on": "07:00"}, ("node", 3), 12, set(), 1),
        ({"restriction:conditional": "no_left_turn @ (Mo-Fr)"}, ("node", 3), 12, set(), 1),
        ({"restriction": "no_u_turn"}, ("way", 11), 12, set(), 1),
        ({"restriction": "only_right_turn"}, ("node", 3), 99, set(), 1),
        ({"restriction": "no_right_turn"}, ("node", 3), 99, set(), 0),
        ({"restriction": "no_right_turn"}, ("node", 99), 12, set(), 0),
    ],
)
def test_a_turn_that_a_relation_bars_stands_at_the_road_one_comes_by(
    tags, via, last, barred, left_out, tmp_path: Path
) -> None:
    roads, findings = read_roads(crossing(tmp_path, tags, via, last), CRS)
    by_class = roads.set_index("road_class")
    assert by_class["no_turn"].drop("secondary").eq("").all()
    said = by_class["no_turn"]["secondary"]
    end = "v" if by_class["v"]["secondary"] == "3" else "u"
    assert set(filter(None, said.split("; "))) == {f"{end} {by_class['id'][kind]}" for kind in barred}
    assert sum(f.count for f in findings if f.code == "turns_left_out") == left_out
