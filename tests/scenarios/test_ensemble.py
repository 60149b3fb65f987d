"""Ensembles: one member is the single run, shares and quantiles are those of the members' own tables, failure leaves nothing."""

from __future__ import annotations

import errno
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numba
import numpy as np
import pandas as pd
import psutil
import pytest
import xarray as xr

import scenarios as sc
from scenarios.runner import ensemble, identity
from scenarios.runner import pool as runner_pool
from scenarios.runner.exposure_files import read_exposure
from scenarios.runner.run import execute
from scenarios.runner.simulate import simulate
from twin.errors import NumericsError, ScenarioError, TwinError
from twin.grade import likely
from twin.sheet import COLOURS, QUANTILES
from twin.words import say

VARY = {
    "rain.factor": {"lognormal": [1.0, 0.5]},
    "flood.inlet_open_share": {"uniform": [0.2, 1.0]},
    "flood.soil_wetness": {"choice": [0.2, 0.9]},
}
QUICK = {
    "hours": 0.5,
    "forcing": {"rain": {"mm_h": 90, "hours": 0.5}},
    "hazards": [{"flood": {"cell_m": 20}}],
}


def quick(storm: Path, members: int = 3, vary: object = VARY, **changes: object) -> sc.Case:
    return sc.load(storm).with_changes(**{**QUICK, "ensemble": {"members": members, "vary": vary}, **changes})


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("ensemble")


@pytest.fixture
def run(storm: Path, shelf: Path, monkeypatch: pytest.MonkeyPatch) -> sc.Run:
    """One ensemble for several tests: its folder is kept, the scenario's file too."""
    monkeypatch.setenv("ANLAN_HOME", str(shelf))
    kept = shelf / "storm.yaml"
    if not kept.exists():
        kept.write_text(storm.read_text("utf-8"), "utf-8")
    return execute(quick(kept))


def left(home: Path) -> list[Path]:
    return [p for p in (home / "runs").rglob("*") if p.is_file() or ".part-" in p.name]


def workers() -> list[psutil.Process]:
    """The processes of members that this one has started and that still run."""
    found = [c for c in psutil.Process().children() if c.status() != psutil.STATUS_ZOMBIE]
    return [c for c in found if "spawn_main" in " ".join(c.cmdline())]


def test_member_0_is_the_single_run(run: sc.Run, shelf: Path) -> None:
    single = execute(quick(shelf / "storm.yaml", members=1, vary={}))
    one, many = single.fields["flood"], run.fields["flood"]
    for name in one.data_vars:
        xr.testing.assert_identical(one[name], many[name])
    for name, table in single.tables.items():
        pd.testing.assert_frame_equal(table, run.tables[name])
    kept = read_exposure(run.folder / "members" / "0" / "exposure" / "flood", "flood")
    pd.testing.assert_frame_equal(single.exposure["flood"].places, kept.places)
    assert {**single.balances["flood"], "remarks": 0} == {**run.balances["flood"], "remarks": 0}
    with np.load(single.folder / "state-flood.npz") as a, np.load(run.folder / "state-flood.npz") as b:
        assert set(a.files) == set(b.files)
        for name in a.files:
            np.testing.assert_array_equal(a[name], b[name], err_msg=name)
    assert single.members == [] and single.manifest["members"] == 1 and run.manifest["members"] == 3
    assert single.levels["probability"].isna().all() and not single.exposure["flood"].spread


def test_a_member_is_the_case_with_what_it_drew_whatever_the_number_of_threads(run: sc.Run, shelf: Path) -> None:
    case = quick(shelf / "storm.yaml")
    drawn = case.draws()[2]
    numba.set_num_threads(min(2, numba.config.NUMBA_NUM_THREADS))
    try:
        alone = simulate(case.as_member(2, drawn))
    finally:
        numba.set_num_threads(1)
    worst = xr.open_zarr(run.folder / "members" / "2" / "flood" / "worst", consolidated=False)["worst"]
    np.testing.assert_array_equal(alone.outcomes["flood"].fields["max_water_depth"].values, worst.values)
    by_hand = case.with_changes(
        ensemble={},
        hazards=[{"flood": {"cell_m": 20, **{k.partition(".")[2]: v for k, v in drawn.items() if k[:5] == "flood"}}}],
        forcing={"rain": {"mm_h": 90 * drawn["rain.factor"], "hours": 0.5}},
    )
    same = simulate(by_hand).outcomes["flood"].fields["max_water_depth"].values
    np.testing.assert_allclose(same, worst.values, atol=1e-6)


def test_draws_of_a_key_do_not_depend_on_the_other_keys(storm: Path, run: sc.Run) -> None:
    all_three, one = quick(storm).draws(), quick(storm, 5, {"rain.factor": VARY["rain.factor"]}).draws()
    assert all_three[0] == one[0] == {}
    assert [d["rain.factor"] for d in all_three[1:]] == [d["rain.factor"] for d in one[1:3]]
    assert len({d["rain.factor"] for d in one[1:]}) == 4
    measured = quick(storm, measures=[{"kind": "inlets", "place": "*", "values": {"open_share": 1.0}}])
    assert measured.draws() == all_three, "plans are compared on common draws"
    assert quick(storm, seed=8).draws() != all_three
    assert [m["drawn"] for m in run.members] == all_three and [m["member"] for m in run.members] == [0, 1, 2]


def test_shares_and_times_are_those_of_the_members_tables(run: sc.Run) -> None:
    places = [
        read_exposure(run.folder / "members" / str(k) / "exposure" / "flood", "flood").places.set_index("id")
        for k in range(3)
    ]
    got = run.exposure["flood"].places.set_index("id")
    some = 0
    for place, row in got.iterrows():
        for colour in COLOURS:
            first = [p.loc[place, f"first_{colour}"] for p in places]
            times = sorted(t for t in first if pd.notna(t))
            assert row[f"share_{colour}"] == len(times) / 3
            assert pd.notna(row[f"first_{colour}"]) == (len(times) >= 2)
            some += 0 < len(times) < 3
            if len(times) >= 2:
                assert row[f"first_{colour}"] <= times[(len(times) - 1) // 2]
        assert row["peak"] == sorted(p.loc[place, "peak"] for p in places)[1]
    assert some, "the members must differ somewhere"
    levels = run.levels.set_index("place")
    assert set(levels.index) == set(got.index[got["share_blue"] > 0])
    for place, row in levels.iterrows():
        by_half = [c for c in COLOURS if got.loc[place, f"share_{c}"] >= 0.5]
        assert row["level"] == (by_half[-1] if by_half else "blue")
        assert row["probability"] == got.loc[place, f"share_{row['level']}"] > 0
        assert [row[f"share_{c}"] for c in COLOURS] == [got.loc[place, f"share_{c}"] for c in COLOURS]
        assert row["from"] <= row["reached"] <= row["until"] <= row["expires"]
    assert set(likely(run.levels)["place"]) == {p for p, row in levels.iterrows() if row["probability"] >= 0.5}
    closed, sheet = run.exposure["flood"].closures.set_index("id"), run.sheet("flood")
    for place, row in got.iterrows():
        closes_at = sheet.rules[row["kind"]].closes_at
        assert (place in closed.index) == bool(closes_at and row[f"share_{closes_at}"] >= 0.5)


def test_counts_and_series_are_medians(run: sc.Run) -> None:
    members = [read_exposure(run.folder / "members" / str(k) / "exposure" / "flood", "flood") for k in range(3)]
    got, scale = run.exposure["flood"], run.sheet("flood").scale("depth")
    np.testing.assert_array_equal(got.series.values, np.median([m.series.values for m in members], axis=0))
    for of, table in got.counts["depth"].items():
        for k, low in enumerate(scale.classes):
            above = np.array([m.counts["depth"][of][list(scale.classes[k:])].sum(axis=1) for m in members])
            for percent, counts in ((50, got.counts), (10, got.spread[10]), (90, got.spread[90])):
                mine = counts["depth"][of][list(scale.classes[k:])].sum(axis=1)
                method = "lower" if percent < 50 else "higher"
                np.testing.assert_allclose(mine, np.percentile(above, percent, axis=0, method=method), atol=1e-6)
            assert (table[low] >= -1e-9).all()


def test_fields_have_the_quantiles_of_the_members(run: sc.Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fields, sheet = run.fields["flood"], run.sheet("flood")
    worst = np.stack(
        [
            xr.open_zarr(run.folder / "members" / str(k) / "flood" / "worst", consolidated=False)["worst"].values
            for k in range(3)
        ]
    )
    assert worst[0].max() != worst[1].max()
    for percent in QUANTILES:
        field = fields[f"max_water_depth_p{percent}"]
        np.testing.assert_allclose(field.values, np.percentile(worst, percent, axis=0), atol=1e-6)
        assert field.dims == ("y", "x") and field.attrs["units"] == "m" and f"{percent} %" in field.attrs["long_name"]
        assert fields[f"water_depth_p{percent}"].dims == ("time", "y", "x")
    assert (fields["water_depth_p10"] <= fields["water_depth_p90"]).all()
    drawn = [layer.code for layer in sheet.drawable(fields)]
    assert [code for code in drawn if "_p" in code] == [f"{sheet.peak_layer.code}_p{q}" for q in QUANTILES]
    for layer in sheet.drawable(fields):
        assert layer.of(fields).dims == ("y", "x")
    assert not list((run.folder / "members").rglob("in_time"))


def test_the_plan_carries_the_share_of_members_that_meet_the_trigger(run: sc.Run) -> None:
    plan = sc.draft_plan(run)
    places = run.exposure["flood"].places.set_index("id")
    assert plan.tasks and plan.alerts
    for task in plan.tasks:
        assert task.probability == places.loc[task.trigger["at"], f"share_{task.trigger['level']}"] >= 0.5
    assert {a.place: a.probability for a in plan.alerts} == dict(
        zip(run.levels["place"], run.levels["probability"], strict=True)
    )
    said = dict(run.notes)
    assert said["ensemble"]["members"] == 3 and "rain.factor lognormal [1, 0.5]" in said["ensemble_drawn"]["varied"]
    errors = [abs(m["balance"]["flood"]) for m in run.members]
    assert abs(said["ensemble_balance"]["error"]) == max(errors) == errors[said["ensemble_balance"]["member"]]


def test_the_same_ensemble_gives_the_same_answer_however_many_work_at_it(
    run: sc.Run, shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    levels, fields = run.levels, {name: f.values for name, f in run.fields["flood"].load().items()}
    monkeypatch.setattr(runner_pool, "_cores", lambda: 1)
    seen: list[float] = []
    again = execute(quick(shelf / "storm.yaml"), fresh=True, progress=seen.append)
    assert again.id == run.id and sorted(seen) == seen and {*(k / 3 * sc.COMPUTED for k in range(4)), 1.0} <= set(seen)
    pd.testing.assert_frame_equal(again.levels, levels)
    for name, values in fields.items():
        np.testing.assert_array_equal(again.fields["flood"][name].values, values)
    single = execute(quick(shelf / "storm.yaml", members=1, vary={}))
    figures = sc.compare([again, single])
    blue = figures.xs(("flood", "places", "blue"))
    assert list(blue) == [(likely(r.levels)["level"] == "blue").sum() for r in (again, single)]
    assert any("members 3 → 1" in note for note in sc.unlike([again, single], "en"))


def test_a_killed_worker_is_an_error_that_names_its_member_and_leaves_nothing(
    storm: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_pool, "_cores", lambda: 1)
    killed = threading.Event()

    def kill_when(share: float) -> None:
        if share >= sc.COMPUTED / 3 - 1e-9 and not killed.is_set():  # member 0 is done, member 1 at work
            killed.set()
            time.sleep(0.3)
            os.kill(workers()[0].pid, signal.SIGKILL)

    with pytest.raises(NumericsError, match=r"member 1 .*exit code -9") as error:
        execute(quick(storm), progress=kill_when)
    assert error.value.code == "member_died" and killed.is_set()
    assert not left(anlan_home)
    assert not workers()


def test_an_error_in_a_member_names_it_and_leaves_nothing(storm: Path, anlan_home: Path) -> None:
    """Only members that draw "none" have a measure on drains that they do not simulate."""
    case = quick(
        storm,
        vary={"flood.drainage": {"choice": ["none"]}},
        measures=[{"kind": "inlets", "place": "*", "values": {"open_share": 0.5}}],
    )
    with pytest.raises(ScenarioError, match=r"Member [12] of the ensemble failed.*drainage is none"):
        execute(case)
    assert not left(anlan_home)


def test_what_varies_and_changes_nothing_is_told(run: sc.Run, storm: Path) -> None:
    hazards = [{"flood": {"cell_m": 20, "drainage": "none", "infiltration": "none"}}]
    case = quick(storm, 2, {"flood.soil_wetness": {"choice": [0.9]}}, hazards=hazards)
    in_vain = execute(case)
    assert in_vain.members[1]["drawn"] == {"flood.soil_wetness": 0.9}
    note = dict(in_vain.notes)["ensemble_same"]
    assert "Waterlogging" in say("note.ensemble_same", lang="en", **note)
    assert "ensemble_same" not in dict(run.notes)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (ZeroDivisionError("by nothing"), r"Member 2 of the ensemble failed by a fault.*ZeroDivisionError: by nothing"),
        (FileNotFoundError(errno.ENOENT, "gone"), r"Member 2 of the ensemble failed by a fault.*gone"),
        (OSError(errno.ENOSPC, "no room"), r"Disk full"),
    ],
)
def test_a_fault_in_a_member_is_one_error_that_names_it_but_a_full_disk_is_told_as_such(
    storm: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, words: str
) -> None:
    def run_in_vain(function: object, calls: object, tick: object) -> Iterator[None]:
        yield
        raise runner_pool.CallFailedError(2) from fault

    monkeypatch.setattr(ensemble, "executor", lambda: run_in_vain)
    with pytest.raises(TwinError, match=words):
        execute(quick(storm))
    assert not left(anlan_home)


def test_an_interrupted_ensemble_leaves_nothing(storm: Path, anlan_home: Path) -> None:
    calls: list[float] = []

    def interrupt(share: float) -> None:
        calls.append(share)
        if len(calls) == 15:  # some 3 s on, the members at work
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(quick(storm), progress=interrupt)
    assert not left(anlan_home)
    assert not workers()


@pytest.mark.parametrize(
    ("ensemble", "words"),
    [
        ({"members": 0}, r"ensemble.members is 0; it must be 1 or more"),
        ({"members": -3}, r"must be 1 or more"),
        ({"members": 1001}, r"must be 1000 or less"),
        ({"vary": {"flood.inlet_open_shar": {"uniform": [0, 1]}}}, r"flood.inlet_open_shar is neither.*flood.inlet_open_share"),
        ({"vary": {"wind.factor": {"uniform": [0, 1]}}}, r"wind.factor is neither a forcing"),
        ({"vary": {"river_stage.factor": {"uniform": [1, 2]}}}, r"river_stage.factor is neither"),
        ({"vary": {"flood.inlet_open_share": {"uniform": [0.5, 1.2]}}}, r"gives 1.2, which the hazard does not take.*must be 1 or less"),
        ({"vary": {"flood.drainage": {"choice": ["none", "quick"]}}}, r"gives quick.*must be one of"),
        ({"vary": {"flood.cell_m": {"choice": [40]}}}, r"flood.cell_m cannot vary between members"),
        ({"vary": {"flood.subgrid_factor": {"uniform": [2, 9]}}}, r"cannot vary between members"),
        ({"vary": {"flood.soil_wetness": {"normal": [7.0, 0.1]}}}, r"flood.soil_wetness gives [67]\."),
        ({"vary": {"rain.factor": {"uniform": [-1, 1]}}}, r"rain.factor gives -1, outside \[0, 40\]"),
        ({"vary": {"rain.factor": {"uniform": [2, 1]}}}, r"exactly one of uniform"),
        ({"vary": {"rain.factor": {"normal": [1, 0.1], "choice": [1]}}}, r"exactly one of uniform"),
        ({"vary": {"rain.factor": {}}}, r"exactly one of uniform"),
        ({"vary": {"rain.factor": {"uniform": [1]}}}, r"needs at least 2 items"),
        ({"vary": {"rain.factor": {"gamma": [1, 2]}}}, r"unknown key ensemble.vary.rain.factor.gamma"),
    ],
)  # fmt: skip
def test_a_wrong_ensemble_is_refused_before_a_second_is_simulated(storm, anlan_home, ensemble, words) -> None:
    with pytest.raises(ScenarioError, match=words) as error:
        execute(sc.load(storm).with_changes(**QUICK, ensemble={"members": 3, **ensemble}))
    assert str(error.value).count(str(storm)) == 1
    assert not (anlan_home / "runs").exists() or not left(anlan_home)


def test_a_draw_out_of_range_is_drawn_again(storm: Path) -> None:
    draws = quick(storm, 200, {"flood.soil_wetness": {"normal": [0.9, 0.3]}}).draws()
    values = np.array([d["flood.soil_wetness"] for d in draws[1:]])
    assert len(values) == 199 and values.min() >= 0 and values.max() <= 1 and (values > 0.9).sum() > 40


def test_settings_and_identity(storm: Path) -> None:
    plain = sc.load(storm)
    set_ = plain.with_setting("ensemble.vary.rain.factor={lognormal: [1, 0.2]}").with_setting("ensemble.members=4")
    assert set_.raw["ensemble"] == {"vary": {"rain.factor": {"lognormal": [1, 0.2]}}, "members": 4}
    ids = {identity.run_id(case) for case in (plain, set_, set_.with_setting("ensemble.members=5"))}
    assert len(ids) == 3


def test_an_ensemble_goes_on_from_a_run_and_a_run_from_member_0(run: sc.Run, shelf: Path) -> None:
    later = {"start": "2026-06-20T18:30+08:00", "continues": run.id, "forcing": {"rain": {"mm_h": 20, "hours": 0.5}}}
    only_rain = {"rain.factor": VARY["rain.factor"]}
    second = execute(quick(shelf / "storm.yaml", members=2, vary=only_rain, **later))
    first, then = run.fields["flood"]["water_depth"].values, second.fields["flood"]["water_depth"].values
    np.testing.assert_array_equal(first[-1], then[0])
    assert "continues_control" in dict(second.notes)
    with pytest.raises(ScenarioError, match=r"flood.soil_wetness cannot vary"):
        quick(shelf / "storm.yaml", members=2, **later).check()


def test_a_cancelled_job_ends_its_members_and_leaves_nothing(storm: Path, anlan_home: Path) -> None:
    job = sc.submit(quick(storm))
    process = psutil.Process(json.loads((job.folder / "job.json").read_text("utf-8"))["pid"])
    end = time.monotonic() + 120
    while not (working := process.children(recursive=True)) and time.monotonic() < end:
        time.sleep(0.05)
    job.cancel()
    assert working and not [c for c in working if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
    assert job.state == "cancelled" and not left(anlan_home)
