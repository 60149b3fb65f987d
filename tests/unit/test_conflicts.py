"""Conflicts of a plan, from hand-made tasks and exposures of two hazards on the small town."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from scenarios.case import hazards
from scenarios.planning.conflicts import conflicts
from twin import phrases
from twin.city import City
from twin.errors import ScenarioError
from twin.exposure import Exposure
from twin.plan import Task
from twin.sheet import COLOURS, TaskRule

START = datetime(2026, 6, 20, 10, tzinfo=UTC)
RULES = {
    ("one", "use"): TaskRule("use", "u", 0, 0, asks="open"),
    ("one", "go"): TaskRule("go", "u", 0, 0, asks="leave"),
    ("two", "stay"): TaskRule("stay", "u", 0, 0, asks="stay", excludes=("leave",)),
    ("two", "go"): TaskRule("go", "u", 0, 0, asks="leave"),
    ("two", "clear"): TaskRule("clear", "u", 0, 0, bars=("vehicles",)),
    ("one", "fetch"): TaskRule("fetch", "u", 0, 0, brings=("vehicles",)),
}


def task(i: str, hazard: str, code: str, place: str, kind: str, begin: float, end: float) -> Task:
    start, over = (START + timedelta(minutes=m) for m in (begin, end))
    name = {"zh": place, "en": place}
    return Task(i, hazard, code, place, kind, name, "red", start, over, start, "u", {}, {"open_end": False})


def at(minute: float | None) -> pd.Timestamp:
    return pd.NaT if minute is None else pd.Timestamp("2026-06-20 10:00") + pd.Timedelta(minutes=minute)


def exposure(
    city: City, yellow: tuple[float, float] | None = None, roads: dict[str, tuple[float, float | None]] | None = None,
    *, known: bool = True,
) -> Exposure:  # fmt: skip
    """Return an exposure in which every site is yellow (and blue) for a while and roads are closed from and to some minute."""
    places = city.sites.assign(known=known)
    for colour in COLOURS:
        first, last = yellow if yellow and colour in ("blue", "yellow") else (None, None)
        places[f"first_{colour}"], places[f"last_{colour}"] = at(first), at(last)
    shut = roads or {}
    table = pd.DataFrame(
        {
            "id": city.roads["id"].values,
            "closes": pd.to_datetime([at(shut.get(i, (None, None))[0]) for i in city.roads["id"]]),
            "reopens": pd.to_datetime([at(shut.get(i, (None, None))[1]) for i in city.roads["id"]]),
        }
    )
    return Exposure("", {}, None, "night", table, places, None, None)


def found(city: City, *tasks: Task, one: Exposure | None = None, two: Exposure | None = None):
    """Return the conflicts; both hazards grade with the flood's thresholds, of which facilities close at none."""
    calm, sheet = exposure(city), hazards.sheet("flood")
    return conflicts(city, list(tasks), RULES, {"one": (sheet, one or calm), "two": (sheet, two or calm)})


def site(city: City, blocks: bool) -> tuple[str, str]:
    sites = city.sites[(city.sites["kind"] == "block") == blocks]
    graded = sites[sites["kind"].isin([k for k, r in hazards.sheet("flood").rules.items() if not r.closes_at])]
    return str(graded["id"].iloc[0]), str(graded["kind"].iloc[0])


def test_a_place_in_use_while_another_hazard_colours_it(small_city: City) -> None:
    place, kind = site(small_city, False)
    use = task("T1", "one", "use", place, kind, 10, 12)
    (conflict,) = found(small_city, use, two=exposure(small_city, (60, 90)))
    assert (conflict.code, conflict.tasks, conflict.place, conflict.hazards) == ("in_danger", ("T1",), place, ("two",))
    assert conflict.start == START + timedelta(minutes=60) and conflict.level == "yellow"
    assert not found(small_city, use, two=exposure(small_city, (0, 10))), "over when the place is opened"
    assert not found(small_city, use, one=exposure(small_city, (60, 90))), "its own hazard knows"
    (lost,) = found(small_city, use, two=exposure(small_city, known=False))
    assert lost.code == "unknown"


def test_the_same_said_of_two_tasks_at_a_place_is_told_once(small_city: City) -> None:
    place, kind = site(small_city, False)
    uses = [task(f"T{k}", "one", "use", place, kind, 10.0 * k, 99) for k in (1, 2)]
    (conflict,) = found(small_city, *uses, two=exposure(small_city, (5, 90)))
    assert conflict.tasks == ("T1", "T2") and conflict.start == START + timedelta(minutes=10)


def test_leaving_when_every_road_at_the_edge_is_closed(small_city: City) -> None:
    place, kind = site(small_city, True)
    edge = small_city.sites.set_index("id").geometry[place].boundary.buffer(30.0)
    near = list(small_city.roads.loc[small_city.roads.intersects(edge), "id"])
    go = task("T1", "one", "go", place, kind, 30, 40)
    assert near, "the block has roads"
    shut = dict.fromkeys(near, (20.0, None))
    (conflict,) = found(small_city, go, two=exposure(small_city, roads=shut))
    assert (conflict.code, conflict.start, conflict.hazards) == ("ways_close", go.start, ("two",))
    (later,) = found(small_city, go, two=exposure(small_city, roads={**shut, near[0]: (35.0, None)}))
    assert later.start == START + timedelta(minutes=35)
    assert not found(small_city, go, two=exposure(small_city, roads={**shut, near[0]: (41.0, None)}))
    assert not found(small_city, go, two=exposure(small_city, roads={**shut, near[0]: (5.0, 25.0)})), "open again"
    assert not found(small_city, go, one=exposure(small_city, roads=shut)), "its own hazard knows"


def test_vehicles_are_not_sent_into_a_block_that_bars_them(small_city: City) -> None:
    """A home for the aged stands in a block: what bars vehicles from the block bars them from the home."""
    block = small_city.blocks.iloc[0]
    inside = small_city.facilities.intersects(block.geometry)
    home, away = small_city.facilities[inside].iloc[0], small_city.facilities[~inside].iloc[0]
    clear = task("T1", "two", "clear", str(block["id"]), "block", 0, 30)
    fetch = task("T2", "one", "fetch", str(home["id"]), str(home["kind"]), 20, 25)
    (conflict,) = found(small_city, clear, fetch)
    assert (conflict.code, conflict.tasks, conflict.start) == ("barred", ("T1", "T2"), fetch.start)
    assert not found(small_city, clear, replace(fetch, place=str(away["id"])))
    assert not found(small_city, clear, replace(fetch, start=clear.end, end=clear.end))
    beside = small_city.blocks.iloc[[0]].assign(id="beside")
    beside = beside.set_geometry(beside.translate(beside.total_bounds[2] - beside.total_bounds[0]))
    wider = replace(small_city, blocks=pd.concat([small_city.blocks, beside]))
    there = replace(fetch, place="beside", place_kind="block")
    assert beside.geometry.iloc[0].intersects(block.geometry) and not found(wider, clear, there), (
        "a shared edge is no place"
    )
    assert found(wider, clear, replace(there, place=clear.place))


def test_tasks_of_one_place_that_exclude_one_another(small_city: City) -> None:
    place, kind = site(small_city, True)
    stay, go = task("T1", "two", "stay", place, kind, 0, 30), task("T2", "one", "go", place, kind, 20, 25)
    (conflict,) = found(small_city, stay, go)
    assert (conflict.code, conflict.tasks, conflict.start) == ("excluded", ("T1", "T2"), go.start)
    assert not found(small_city, stay, replace(go, start=stay.end, end=stay.end))
    assert not found(small_city, stay, replace(go, place="elsewhere"))
    assert not found(small_city, go, task("T3", "two", "go", place, kind, 20, 25)), "both ask for the same"


def test_the_colour_told_is_the_worst_that_the_place_reaches(small_city: City) -> None:
    place, kind = site(small_city, False)
    orange = exposure(small_city, (60, 90))
    orange.places["first_orange"], orange.places["last_orange"] = at(70), at(80)
    use = task("T1", "one", "use", place, kind, 10, 12)
    (conflict,) = found(small_city, use, two=orange)
    assert conflict.level == "orange" and conflict.start == START + timedelta(minutes=60)
    (later,) = found(small_city, replace(use, start=START + timedelta(minutes=85)), two=orange)
    assert later.level == "yellow", "by then it is no longer orange"


def test_leaving_that_costs_more_than_staying_is_a_conflict(small_city: City) -> None:
    place, kind = site(small_city, True)
    go = replace(task("T1", "one", "go", place, kind, 0, 10), evidence={"dose_leave": 0.65, "late_share": 0.4})
    knows = replace(task("T2", "two", "go", place, kind, 0, 10), evidence={"dose_stay": 0.32, "dose_leave": 0.1})
    (conflict,) = found(small_city, go, knows)
    assert (conflict.code, conflict.tasks, conflict.hazards) == ("leaving_harms_more", ("T1",), ("two", "one"))
    assert conflict.values == {"leave": 0.65, "stay": 0.32}
    assert not found(small_city, replace(go, evidence={"dose_leave": 0.3}), knows)
    (late,) = found(small_city, replace(go, evidence={"late_share": 0.5}))
    assert late.code == "leaving_too_late" and late.values == {"share": 0.5}


def test_leaving_when_one_in_twenty_find_no_open_way_is_a_conflict(small_city: City) -> None:
    place, kind = site(small_city, True)
    go = replace(task("T1", "one", "go", place, kind, 0, 10), evidence={"cut_off_share": 0.05})
    (conflict,) = found(small_city, go)
    assert (conflict.code, conflict.hazards, conflict.values) == ("leaving_cut_off", ("one",), {"share": 0.05})
    assert not found(small_city, replace(go, evidence={"cut_off_share": 0.049}))


def test_a_task_without_a_known_end_is_never_over(small_city: City) -> None:
    place, kind = site(small_city, True)
    stay = replace(task("T1", "two", "stay", place, kind, 0, 10), evidence={"open_end": True})
    (conflict,) = found(small_city, stay, task("T2", "one", "go", place, kind, 20, 25))
    assert conflict.code == "excluded"


def test_every_conflict_has_a_sentence(small_city: City) -> None:
    place, kind = site(small_city, False)
    flood = replace(found(small_city, task("T1", "one", "use", place, kind, 1, 2), two=exposure(small_city, (60, 90)))[0],
                    hazards=("flood",))  # fmt: skip
    figures = {"leave": 0.65, "stay": 0.32, "share": 0.5}
    for code in (
        "in_danger",
        "unknown",
        "ways_close",
        "excluded",
        "barred",
        "leaving_harms_more",
        "leaving_too_late",
        "leaving_cut_off",
    ):
        for lang in ("zh", "en"):
            said = phrases.conflict(replace(flood, code=code, values=figures), lang)
            assert phrases.say("hazard.flood", lang=lang) in said and "{" not in said


@pytest.mark.parametrize("wrong", [{"asks": "dance"}, {"excludes": ("dance",)}, {"bars": ("dance",)}])
def test_a_word_that_a_task_cannot_ask_is_refused(wrong: dict) -> None:
    sheet = hazards.sheet("flood")
    with pytest.raises(ScenarioError) as error:
        replace(sheet, tasks=(replace(sheet.tasks[0], **wrong),)).check()
    assert error.value.code == "sheet_value"
