"""The whole chain on a 100 x 100 city: scenario to report, plan and export."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from lxml import etree, html

import scenarios as sc
from scenarios.case import manifest
from scenarios.planning.crews import send_crews
from scenarios.runner.run import store
from twin.bridge import cap
from twin.city import City
from twin.errors import ScenarioError
from twin.plan import Task
from twin.sheet import TaskRule


@pytest.fixture
def run(storm: Path) -> sc.Run:
    return sc.run(sc.load(storm).check())


def test_a_storm_runs_to_a_plan_and_a_report(run: sc.Run) -> None:
    balance = run.balances["flood"]
    assert abs(balance["relative_error"]) <= balance["tolerance"] <= 1e-4
    assert abs(balance["remarks"]["swmm_continuity_error"]) <= 0.01
    assert balance["out"]["inlets"] > 0
    report = (run.folder / "report.html").read_text("utf-8")
    assert "长街下穿" in report and "Long Street underpass" in report
    assert "http://" not in report and "https://" not in report
    assert (run.folder / "manifest.json").exists() and not list(run.folder.parent.glob("*.part-*"))
    drawn = json.loads((run.folder / "levels.geojson").read_text("utf-8"))["features"]
    assert {f["properties"]["id"] for f in drawn} == set(run.levels["place"]), "the report sends its reader there"


def test_the_basin_floods_and_the_plan_says_so(run: sc.Run) -> None:
    levels = run.levels.set_index("place")
    assert levels.loc["u1", "level"] == "red"
    plan = sc.draft_plan(run)
    assert {"close_underpass", "watch_underpass"} <= {t.code for t in plan.tasks if t.place == "u1"}
    assert plan.message_status == "Draft"
    assert sc.draft_plan(run) == plan


def test_closures_are_in_the_run_the_plan_and_the_report(run: sc.Run) -> None:
    closures = run.exposure["flood"].closures.set_index("id")
    underpass = closures.loc["u1"]
    task = next(t for t in sc.draft_plan(run).tasks if t.code == "close_underpass" and t.place == "u1")
    assert task.evidence["first"] == underpass["closes"].tz_localize("UTC").isoformat()
    lead = (underpass["closes"].tz_localize("UTC") - task.deadline).total_seconds()
    assert lead + 60.0 * task.short_min == 600.0
    still = bool(underpass.isna()["reopens"])
    assert task.evidence["open_end"] == still
    assert task.end == (run.case.clock.times[-1] if still else underpass["reopens"]).tz_localize("UTC")
    local = underpass["closes"].tz_localize("UTC").tz_convert(run.case.city.tz).strftime("%H:%M")
    page = (run.folder / "report.html").read_text("utf-8")
    for words in (f">{local}<", "封闭与恢复时间", "When places close and reopen", "Flood danger class"):
        assert words in page
    assert "unsafe for all people and vehicles" in page and "left by the outfalls" in page
    assert len(run.exposure["flood"].roads) == len(run.case.city.roads)


def test_an_alert_begins_when_its_own_level_is_reached(run: sc.Run) -> None:
    onset = {alert.place: alert.onset for alert in sc.draft_plan(run).alerts}
    reached = run.levels.set_index("place")["reached"].dt.tz_localize("UTC").to_dict()
    assert onset == reached
    assert (run.levels["reached"] > run.levels["from"]).any(), "else the two cannot be told apart"


def test_water_into_entrances_is_reported_in_city_time(run: sc.Run, tmp_path: Path) -> None:
    """The first entrance takes water an hour and a half after the start, the second none."""
    table = {"id": ["u1", "h1"], "inflow_m3": [321.0, 0.0], "peak_m3_s": [0.25, 0.0], "first_s": [5400.0, float("nan")]}
    pd.DataFrame({**table, "step_m": [0.3, 0.3]}).to_parquet(run.folder / "tables" / "flood-entrances.parquet")
    manifest.seal(run.folder, run.manifest)
    (page,) = sc.export(sc.draft_plan(run), tmp_path, formats=("html",))
    text = page.read_text("utf-8")
    part = text[text.index("地下空间入口进水") : text.index("各地点风险等级")]
    assert ">19:30<" in part and "321" in part and "0.25" in part and "First Hospital" not in part


def test_where_the_water_went_adds_up_as_printed(run: sc.Run) -> None:
    balance = run.balances["flood"]
    own = {k.removeprefix("swmm_"): v for k, v in balance["remarks"].items()}
    handed = balance["out"]["inlets"] + balance["out"]["roofs_to_drains"] - balance["in"]["surcharge"]
    assert handed == pytest.approx(own["handed_in_m3"] - own["handed_out_m3"], rel=1e-9), "what the report calls inflow"
    page = html.fromstring((run.folder / "report.html").read_text("utf-8"))
    table = page.xpath("//h3[contains(., 'Where the water went')]/following::table[1]")[0]
    cells = [(r.get("class"), *(c.text_content().strip() for c in r)) for r in table.xpath(".//tr[td]")]
    rows = [(kind, word, *(float(figure.replace(",", "")) for figure in figures)) for kind, word, *figures in cells]
    assert [kind for kind, *_ in rows].count("sum") >= 3 and len(rows) > 8
    for column in (2, 3):
        sums, above = [], 0.0
        for kind, _, *figures in rows:
            figure = figures[column - 2]
            if kind == "sum":
                assert round(above, 3) == figure or len(sums) == 3, "a sum is that of the rows above it"
                sums.append(figure)
            above = 0.0 if kind == "sum" else above + figure
        rest = sums[3] if len(sums) > 3 else above
        assert sums[0] == round(sums[1] + sums[2] + rest, 3)
    left = next(amount for _, word, amount, _ in rows if "left by the outfalls" in word)
    assert left == pytest.approx(own["outflow_m3"] - own["handed_out_m3"], abs=1.0)
    text = page.text_content()
    assert f"{100 * own['continuity_error']:.3f} %" in text and "Drain coupling took" in text


@pytest.mark.parametrize(("stays", "crews"), [(True, ["drain-1-1", None]), (False, ["drain-1-1", "drain-1-1"])])
def test_a_crew_that_does_not_stay_is_free_for_the_next_task(small_city: City, stays: bool, crews: list) -> None:
    """One drainage crew, two tasks an hour apart that end together."""
    start = datetime(2026, 6, 20, 10, tzinfo=UTC)
    tasks = [
        Task(
            id="", hazard="toy", code="look", place=place, place_kind="underpass", place_name={}, level="blue",
            start=start, end=start + timedelta(hours=4), deadline=start + timedelta(hours=1 + k), unit="drain_crew",
            trigger={}, evidence={},
        )
        for k, place in enumerate(("u1", "h1"))
    ]  # fmt: skip
    rule = TaskRule("look", "drain_crew", before_min=30, setup_min=5, place="underpass", at="blue", stays=stays)
    sent = send_crews(small_city, tasks, start, {("toy", "look"): rule})
    assert [t.crew for t in sent] == crews and not any(t.late_min for t in sent)


def test_progress_begins_at_nothing_and_only_when_something_is_computed(storm: Path) -> None:
    shares: list[float] = []
    sc.run(sc.load(storm).with_changes(hours=0.5), progress=shares.append)
    assert shares[0] == 0.0 and shares == sorted(shares) and shares[-1] == 1.0
    shares.clear()
    sc.run(sc.load(storm).with_changes(hours=0.5), progress=shares.append)
    assert not shares


def test_what_two_scenarios_say_differently_is_told_as_set_takes_it(storm: Path) -> None:
    short = sc.load(storm).with_changes(hours=0.5)
    pump = {"kind": "pump", "place": "u1", "start": "18:10", "values": {"flow_m3_s": 0.1}}
    other = short.with_setting("hazards.flood.inlet_open_share=0.1").with_changes(
        measures=[pump], name={"zh": "甲", "en": "A"}
    )
    told = dict((key, pair) for key, *pair in sc.changed(sc.run(short), sc.run(other)))
    assert told["hazards.flood.inlet_open_share"] == [None, 0.1] and told["measures.0.values.flow_m3_s"] == [None, 0.1]
    assert not any(key.startswith("name") for key in told)


def test_the_same_question_is_answered_from_the_shelf(run: sc.Run, storm: Path) -> None:
    before = (run.folder / "manifest.json").stat().st_mtime_ns
    again = sc.run(sc.load(storm))
    assert again.folder == run.folder and (again.folder / "manifest.json").stat().st_mtime_ns == before
    fresh = sc.run(sc.load(storm), fresh=True)
    assert fresh.id == run.id and (fresh.folder / "manifest.json").stat().st_mtime_ns > before
    assert (fresh.fields["flood"]["water_depth"].values == run.fields["flood"]["water_depth"].values).all()


def test_names_change_no_identity_and_numbers_do(storm: Path) -> None:
    from scenarios.runner.identity import run_id

    case = sc.load(storm)
    assert run_id(case.with_changes(name={"zh": "别名", "en": "Other"})) == run_id(case)
    assert run_id(case.with_setting("forcing.rain.return_period_years=20")) != run_id(case)
    assert run_id(case.with_setting("hazards.flood.inlet_open_share=0.5")) != run_id(case)


def test_export_writes_every_format(run: sc.Run, tmp_path: Path) -> None:
    plan = sc.draft_plan(run)
    files = sc.export(plan, tmp_path / "outbox")
    names = {path.name for path in files}
    assert {"plan.json", "levels.geojson", "tasks.geojson", "report.html", "flood-red-underpass.xml"} <= names
    for path in files:
        if path.suffix == ".xml":
            cap.check(etree.parse(path).getroot())
        if path.suffix in (".json", ".geojson"):
            json.loads(path.read_text("utf-8"))


def test_a_drill_is_marked_exercise(storm: Path) -> None:
    plan = sc.draft_plan(sc.run(sc.load(storm).with_changes(mode="drill")))
    assert plan.message_status == "Exercise"


def test_approval_is_logged(run: sc.Run) -> None:
    plan = sc.draft_plan(run)
    assert sc.approve(plan.id, actor="duty-office").state == "approved"
    with pytest.raises(ScenarioError, match="approved -> approved"):
        sc.approve(plan.id, actor="duty-office")
    log = [(row.action, row.actor) for row in store().audit()]
    assert log[0] == ("draft", "anlan") and ("approved", "duty-office") in log and sc.audit() == (len(log), [])


def test_a_closed_road_carries_nobody_and_measures_cost(storm: Path) -> None:
    plain = sc.run(sc.load(storm))
    measures = [{"kind": "close_road", "place": f"r{k}", "start": "18:00", "values": {}} for k in range(5)] + [
        {"kind": "pump", "place": "u1", "start": "18:30", "values": {"flow_m3_s": 0.1}}
    ]
    shut = sc.run(sc.load(storm).with_changes(measures=measures))
    roads = [r.exposure["flood"].counts["depth"]["roads"].to_numpy().max() for r in (plain, shut)]
    assert roads[0] > 0.0 == roads[1]
    figures = sc.compare([plain, shut])
    assert figures.loc[("city", "cost_cny", "")].tolist() == [0.0, 5 * 200.0], (
        "closing a road is the city's own measure"
    )
    assert figures.loc[("flood", "cost_cny", "")].tolist() == [0.0, 1500.0 + 0.5 * 900.0]
    assert figures.loc[("city", "crew_min", "traffic_police")].tolist() == [0.0, 25.0]


def test_a_failure_is_no_measure_and_costs_nothing(storm: Path) -> None:
    clogged, cleaned = (
        sc.run(
            sc.load(storm).with_changes(measures=[{"kind": "inlets", "place": "*", "values": {"open_share": share}}])
        )
        for share in (0.3, 1.0)
    )
    figures = sc.compare([clogged, cleaned])
    assert figures.loc[("flood", "cost_cny", "")].tolist() == [0.0, 600.0]
