"""What leaves a crowd for other tools and for the reader: trajectories, curves of exits, four answers, faltering flow."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pedpy
import pytest
import shapely

import scenarios as sc
from evacuation.crowd.answers import about, answers
from evacuation.crowd.crowd import Crowd
from evacuation.crowd.people.tracks import within_walls
from evacuation.crowd.proofs.watch import passages
from evacuation.crowd.proofs.worlds import SECOND, filled, line, room
from evacuation.crowd.risk.measures import voronoi_density
from evacuation.crowd.risk.outflow import WINDOW_S, Outflow
from evacuation.crowd.told import worst_table
from scenarios.planning.compare import figures_of
from scenarios.runner.run import execute
from tests.unit.evacuation.test_crowd_hazard import X, Y, clock, with_hall
from tests.unit.evacuation.test_crowd_levels import storeys
from twin.blocks import Curve, Section
from twin.city import City
from twin.errors import ScenarioError
from twin.readers.city_folder import save_folder
from twin.streams import stream

PEOPLE, PER_S = 60, 5


@pytest.fixture(scope="module")
def run(small_city: City, tmp_path_factory: pytest.TempPathFactory) -> sc.Run:
    folder = tmp_path_factory.mktemp("hall")
    save_folder(with_hall(small_city), folder / "town")
    (folder / "evening.yaml").write_text(
        f"""schema: 1
name: {{zh: 礼堂散场, en: The hall empties}}
city: {folder / "town"}
start: 2026-06-20T18:00+08:00
hours: 0.0125
output_minutes: 0.25
hazards:
  - crowd: {{venue: hall, persons: {PEOPLE}, tracks_per_s: {PER_S}}}
measures:
  - {{kind: open_gate, place: hall/north, start: "18:00:10"}}
seed: 7
""",
        "utf-8",
    )
    return execute(sc.load(folder / "evening.yaml"), fresh=True)


@pytest.fixture(scope="module")
def files(run: sc.Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    written = sc.export_run(run, tmp_path_factory.mktemp("out"), ["trajectories"])
    assert {path.name for path in written} == {"crowd-trajectories.sqlite", "crowd-trajectories.parquet"}
    return {path.suffix: path for path in written}


def test_pedpy_reads_the_people_their_ground_and_a_density(run: sc.Run, files: dict[str, Path]) -> None:
    tracks = pedpy.load_trajectory_from_jupedsim_sqlite(trajectory_file=files[".sqlite"])
    ground = pedpy.load_walkable_area_from_jupedsim_sqlite(trajectory_file=files[".sqlite"])
    assert tracks.frame_rate == PER_S and tracks.data["id"].nunique() == PEOPLE
    assert ground.polygon.covers(shapely.multipoints(tracks.data[["x", "y"]].to_numpy()))
    west, south = tracks.data[["x", "y"]].min() - 1.0
    east, north = tracks.data[["x", "y"]].max() + 1.0
    around = shapely.box(west, south, east, north).intersection(shapely.Polygon(ground.polygon.exterior))
    found = pedpy.compute_classic_density(traj_data=tracks, measurement_area=pedpy.MeasurementArea(around))
    inside = run.exposure["crowd"].counts["where"]["people"].to_numpy()[:, 1]
    counted = np.round(found["density"] * around.area).astype(int)
    assert counted.loc[0] == PEOPLE == inside[0]
    assert counted.get(15 * PER_S, 0) == inside[1], "after 15 s as many are in the file as the run counts"


def test_the_proofs_measure_as_pedpy_does(files: dict[str, Path]) -> None:
    """Density of Voronoi cells cut at 1 m, the times at which people pass a line, and the flow between them."""
    tracks = pedpy.load_trajectory_from_jupedsim_sqlite(trajectory_file=files[".sqlite"])
    whole = pedpy.load_walkable_area_from_jupedsim_sqlite(trajectory_file=files[".sqlite"])
    frame = 4 * PER_S
    at = tracks.data[tracks.data["frame"] == frame][["x", "y"]].to_numpy()
    place = shapely.box(*(np.median(at, axis=0) - 1.5), *(np.median(at, axis=0) + 1.5))
    cells = pedpy.compute_individual_voronoi_polygons(
        traj_data=tracks, walkable_area=whole, cut_off=pedpy.Cutoff(radius=1.0, quad_segments=16)
    )
    theirs, _ = pedpy.compute_voronoi_density(
        individual_voronoi_data=cells, measurement_area=pedpy.MeasurementArea(place)
    )
    ours = voronoi_density(at, whole.polygon, place)
    assert ours == pytest.approx(float(theirs["density"].loc[frame]), rel=0.01) and ours > 0.5
    table = tracks.data.assign(t=tracks.data["frame"] / PER_S)[["id", "t", "x", "y"]].sort_values(["id", "t"])
    east = float(table["x"].max()) - 2.0
    line = pedpy.MeasurementLine([(east, -100.0), (east, 100.0)])
    counted, _ = pedpy.compute_n_t(traj_data=tracks, measurement_line=line)
    passed = passages(table, east, axis="x", down=False)["t"].to_numpy()
    curve = counted["cumulative_pedestrians"]
    assert len(passed) == curve.max() > 10
    for n, t in enumerate(passed, start=1):
        assert abs((curve >= n).idxmax() / PER_S - t) <= 1.0 / PER_S + 1e-6


def test_walls_stand_in_the_ground_of_the_trajectories_unless_they_part_its_people() -> None:
    """A room of 10 m by 6 m, a wall that leaves a gap, and one that leaves none."""
    room, one, both = shapely.box(0, 0, 10, 6), shapely.points([[2.0, 3.0]]), shapely.points([[2.0, 3.0], [8.0, 3.0]])
    gap, shut = (shapely.LineString([(5, 0), (5, end)]).buffer(0.01, cap_style="flat") for end in (4, 6))
    assert within_walls(room, gap, both).area == pytest.approx(60 - 0.08)
    assert within_walls(room, shut, both).equals(room), "a tool reads one piece: nobody is left out"
    assert within_walls(room, shut, one).bounds == pytest.approx((0, 0, 4.99, 6)), "nobody is behind the wall"
    assert within_walls(room, shut, shapely.points(np.zeros((0, 2)))).equals(room)


def test_parquet_and_sqlite_say_the_same_and_where_it_is(run: sc.Run, files: dict[str, Path]) -> None:
    table = pd.read_parquet(files[".parquet"])
    with sqlite3.connect(files[".sqlite"]) as file:
        rows = pd.read_sql_query("select frame, id, pos_x as x, pos_y as y, ori_x, ori_y from trajectory_data", file)
        about = dict(file.execute("select key, value from metadata").fetchall())
        frames = file.execute("select count(*) from frame_data").fetchone()[0]
    np.testing.assert_allclose(rows[["x", "y"]], table[["x", "y"]], atol=1e-6)
    assert (rows[["id", "frame"]].to_numpy() == table[["id", "frame"]].to_numpy()).all()
    assert table.attrs["fps"] == about["fps"] == "5" and about["version"] == "2" and about["people"] == "synthetic"
    assert frames == table["frame"].max() + 1 and about["frame_0"] == "2026-06-20T10:00:00Z"
    x, y = table["x"] + float(about["origin_x"]), table["y"] + float(about["origin_y"])
    assert x.between(X, X + 17).all() and y.between(Y - 1, Y + 11).all(), "in the CRS of the city it is the hall"
    facing = np.hypot(rows["ori_x"], rows["ori_y"])
    assert (np.isclose(facing, 1.0) | (facing == 0.0)).all() and (facing > 0.5).mean() > 0.8


def test_a_run_is_the_same_with_and_without_its_trajectories(small_city: City) -> None:
    city = with_hall(small_city)
    plain, kept = (
        Crowd("hall", persons=80, tracks_per_s=n).simulate(city, {}, clock(30), rng=stream(1, "c")) for n in (0, 10)
    )
    for name, values in plain.state.arrays.items():
        np.testing.assert_array_equal(kept.state.arrays[name], values, err_msg=name)
    assert "tracks" not in plain.tables
    first = kept.tables["tracks"].groupby("frame").size()
    assert first.loc[0] == 80 and len(first) <= 301


def test_a_run_without_trajectories_says_what_to_do_and_writes_nothing(small_city: City, tmp_path: Path, run) -> None:
    other = execute(run.case.with_setting("hazards.crowd.tracks_per_s=0"), fresh=True)
    with pytest.raises(ScenarioError, match="holds nothing that"):
        sc.export_run(other, tmp_path / "out", ["trajectories"])
    assert not (tmp_path / "out").exists()
    with pytest.raises(ScenarioError, match="Unknown export format"):
        sc.export(sc.draft_plan(run), tmp_path / "out", ["trajectories"])
    for changes, code in (
        ({"tracks_per_s": 3}, "crowd_tracks"),
        ({"tracks_per_s": 5, "form": "stream"}, "crowd_tracks"),
        ({"tracks_per_s": 20, "persons": 800}, "crowd_tracks_large"),
    ):
        with pytest.raises(ScenarioError) as error:
            Crowd(**{"venue": "hall", "persons": 10} | changes).check(with_hall(small_city), {}, clock(3600, 60))
        assert error.value.code == code


def test_the_curves_of_exits_end_where_the_gates_do(run: sc.Run) -> None:
    tables = run.tables_of("crowd")
    exits = tables["exits"].pivot(index="s", columns="id", values="left")
    assert (exits.diff().dropna() >= 0).all().all() and len(exits) == 46
    assert exits.iloc[-1].to_dict() == tables["gates"].set_index("id")["left"].to_dict()
    section = next(s for s in sc.sections(run) if s.sheet.id == "crowd")
    curve = next(block for block in section.blocks if isinstance(block, Curve))
    assert curve.table.iloc[-1].sum() == PEOPLE and curve.table.index[0] == pd.Timestamp("2026-06-20T10:00")


def test_runs_are_compared_by_the_zone_where_it_is_worst(run: sc.Run) -> None:
    zones, worst = run.tables_of("crowd")["zones"], run.tables_of("crowd")["worst"]
    assert (
        worst["density"].tolist() == [zones["peak_density"].max()]
        and worst["force_n"][0] == zones["peak_force_n"].max()
    )
    figures = figures_of(run, run.exposure, run.levels)
    assert figures["crowd", "said", "density"] == pytest.approx(10.0 * zones["peak_density"].max())
    unknown = worst_table(zones.assign(peak_force_n=np.where(np.arange(len(zones)) == 0, np.nan, 5.0)))
    assert np.isnan(unknown["force_n"][0]), "where the load of a zone is not known, nor is the highest"


def test_one_run_does_not_know_how_likely_and_an_ensemble_says_the_shares(run: sc.Run) -> None:
    section = next(s for s in sc.sections(run) if s.sheet.id == "crowd")
    row = answers(section, run.case.city, run.case.clock, section.places.set_index("id")).rows[0]
    assert "not known" in row[2].in_words("en") and "未知" in row[2].in_words("zh")
    places = section.exposure.places.assign(share_blue=1.0, share_yellow=0.4, share_orange=0.0, share_red=0.0)
    places["first_yellow"] = pd.Timestamp("2026-06-20T10:00:30")
    many = cast(Section, SimpleNamespace(tables=section.tables, exposure=SimpleNamespace(places=places)))
    row = answers(many, run.case.city, run.case.clock, section.places.set_index("id")).rows[0]
    said = row[2].in_words("en")
    assert "100 % reach" in said and "40 % reach" in said and "0 % reach orange" not in said
    assert row[1].style == "yellow" and "18:00" in row[3].in_words("en")
    assert "persons/m²" in row[4].in_words("en") and "people at one time" in row[5].in_words("en")


def test_a_flow_falters_only_before_a_queue_and_where_it_shall_not() -> None:
    outline = shapely.box(0, 0, 12, 8)
    plan = room(outline, [line((12, 3), (12, 5))], shapely.box(8, 1, 11.5, 7))
    walkers = filled(plan, 90)
    free = walkers._gates
    assert free is not None
    outflow = Outflow(plan)
    for second in range(2 * WINDOW_S):  # nobody moves: a queue, and nobody goes out
        outflow.watch(walkers.people, np.zeros((1, 2), np.int64), free, second + 1.0)
    assert outflow.falters_after[0] == WINDOW_S and outflow.falters_s[0] == WINDOW_S + 1 and outflow.largest[0] == 0.0
    metered = type(free)(free.shut, free.way, np.array([0.2]), free.inner)
    calm, empty = Outflow(plan), Outflow(plan)
    for second in range(2 * WINDOW_S):
        calm.watch(walkers.people, np.zeros((1, 2), np.int64), metered, second + 1.0)
        empty.watch(walkers.people.first(0), np.zeros((1, 2), np.int64), free, second + 1.0)
    assert np.isnan([calm.falters_after[0], empty.falters_after[0]]).all()
    going = Outflow(plan)
    for second in range(WINDOW_S):
        walkers.walk(float(second), SECOND)
        going.watch(walkers.people, walkers.flows, free, second + 1.0)
    assert going.largest[0] == pytest.approx(walkers.flows.sum() / WINDOW_S / 2.0) and going.largest[0] > 0.8


def test_pedpy_reads_each_level_of_a_venue_by_itself(small_city: City, tmp_path: Path) -> None:
    """Whoever comes down the stair is in the files of both levels, first in the upper one's, and both lie at one place of the map."""
    below = storeys()
    for column in ("level", "to_level"):
        below[column] = below[column].fillna(0 if column == "level" else np.nan) - 2  # a basement of two storeys
    save_folder(with_hall(small_city, below), tmp_path / "town")
    text = """schema: 1
name: {zh: 楼上楼下, en: Upstairs and downstairs}
city: town
start: 2026-06-20T18:00+08:00
hours: 0.0125
output_minutes: 0.25
hazards:
  - crowd: {venue: hall, persons: 40, tracks_per_s: 2}
"""
    (tmp_path / "evening.yaml").write_text(text, "utf-8")
    run = execute(sc.load(tmp_path / "evening.yaml"), fresh=True)
    written = sc.export_run(run, tmp_path / "out", ["trajectories"])
    names = {f"crowd-trajectories-level_{k}{end}" for k in (-2, -1) for end in (".sqlite", ".parquet")}
    assert {path.name for path in written} == names
    found, last = {}, {}
    for path in sorted(p for p in written if p.suffix == ".sqlite"):
        tracks = pedpy.load_trajectory_from_jupedsim_sqlite(trajectory_file=path)
        ground = pedpy.load_walkable_area_from_jupedsim_sqlite(trajectory_file=path)
        assert ground.polygon.covers(shapely.multipoints(tracks.data[["x", "y"]].to_numpy()))
        table = pd.read_parquet(path.with_suffix(".parquet"))
        x = table["x"] + float(table.attrs["origin_x"])
        assert x.between(X - 1, X + 17).all() and len(table) == len(tracks.data)
        found[path.stem], last[path.stem] = tracks.data, tracks.data.groupby("id")["frame"].max()
        assert path.stem.endswith(f"level_{table.attrs['level']}")
    lower, upper = found["crowd-trajectories-level_-2"], found["crowd-trajectories-level_-1"]
    both = set(lower["id"]) & set(upper["id"])
    assert len(both) > 5 and lower.groupby("frame").size().loc[0] + upper.groupby("frame").size().loc[0] == 40
    first_below = lower.groupby("id")["frame"].min()
    assert all(first_below[person] == last["crowd-trajectories-level_-1"][person] + 1 for person in both)


def test_little_is_not_told_as_nothing() -> None:
    assert [about(v) for v in (0.0, 0.4, 0.6, 8.4)] == [0, "<1", 1, 8]
    assert [about(v, 1) for v in (0.0, 0.03, 0.06, 2.34)] == [0.0, "<0.1", 0.1, 2.3]
