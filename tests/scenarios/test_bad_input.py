"""Bad input, interruption and damage: one clear sentence, exit code not 0, nothing half-written, earlier runs untouched."""

from __future__ import annotations

import copy
import dataclasses
import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import scenarios as sc
from scenarios.case import hazards
from scenarios.case.schema import build_hazards, parse
from twin import words
from twin.errors import ScenarioError, SourceError, TwinError
from twin.readers.city_folder import open_folder, save_folder

VALID = {
    "schema": 1,
    "name": {"zh": "雨", "en": "rain"},
    "city": "linjiang",
    "start": "2026-06-20T18:00+08:00",
    "hours": 1,
    "forcing": {"rain": {"mm_h": 30, "hours": 1}, "river_stage": 18.0},
    "hazards": [{"flood": {"cell_m": 10}}],
    "measures": [{"kind": "inlets", "place": "*", "start": "18:10", "values": {"open_share": 0.5}}],
    "seed": 1,
}


def cli(*arguments: str, home: Path, **extra: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "ANLAN_HOME": str(home), "ANLAN_LANG": "en", **extra}
    return subprocess.run(
        [sys.executable, "-m", "scenarios.cli", *arguments], env=env, capture_output=True, text=True, timeout=300
    )


junk = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**6), 10**6), st.floats(allow_nan=True), st.text(max_size=8),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
)  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> object:
    """A valid scenario with one to three things replaced, removed or added."""
    raw = copy.deepcopy(VALID)
    for _ in range(draw(st.integers(1, 3))):
        node: object = raw
        for _ in range(draw(st.integers(0, 3))):
            children = list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []
            deeper = [c for c in children if isinstance(c, (dict, list)) and c]
            if not deeper:
                break
            node = draw(st.sampled_from(deeper))
        if isinstance(node, dict):
            key = draw(st.sampled_from([*node, "hors", draw(st.text(max_size=6))]))
            if draw(st.booleans()):
                node.pop(key, None)
            else:
                node[key] = draw(junk)
        elif isinstance(node, list):
            node[draw(st.integers(0, len(node) - 1))] = draw(junk)
    return draw(st.one_of(st.just(raw), st.just(raw), junk))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(damaged())
def test_a_malformed_scenario_is_refused_with_one_sentence(tmp_path: Path, raw: object) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    try:
        case = sc.load(path)
        _ = case.models, case.clock, case.actions() if case.scenario.city == "linjiang" else None
    except TwinError as error:
        for lang in ("zh", "en"):
            sentence = error.message(lang)
            assert sentence and "\n" not in sentence.strip() and len(sentence) < 1200


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.data())
def test_a_damaged_city_is_refused_with_one_sentence(small_folder: Path, tmp_path: Path, data: st.DataObject) -> None:
    folder = tmp_path / "city"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(small_folder, folder)
    victim = folder / data.draw(
        st.sampled_from(["city.yaml", "terrain.tif", "landcover.tif", "roads.parquet", "drains.inp", "resources.yaml"])
    )
    content = bytearray(victim.read_bytes())
    how = data.draw(st.sampled_from(["cut", "flip", "empty", "gone"]))
    if how == "cut":
        content = content[: data.draw(st.integers(1, len(content) - 1))]
    elif how == "flip":
        for _ in range(data.draw(st.integers(1, 20))):
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    victim.unlink() if how == "gone" else victim.write_bytes(b"" if how == "empty" else bytes(content))
    try:
        open_folder(folder)
    except TwinError as error:
        assert error.message("zh") and error.message("en")


def scenario(tmp_path: Path, small_folder: Path, **changes: object) -> Path:
    raw = {**copy.deepcopy(VALID), "city": str(small_folder), "measures": [], **changes}
    path = tmp_path / "case.yaml"
    path.write_text(yaml.safe_dump(raw, allow_unicode=True), "utf-8")
    return path


BAD_RAIN = {
    "empty": "",
    "no_rows": "time,rain_mm\n",
    "wrong_columns": "when,water\n2026-06-20 18:00,1\n",
    "nan": "time,rain_mm\n2026-06-20 18:00,1\n2026-06-20 18:05,\n",
    "negative": "time,rain_mm\n2026-06-20 18:00,1\n2026-06-20 18:05,-2\n",
    "words": "time,rain_mm\n2026-06-20 18:00,heavy\n2026-06-20 18:05,1\n",
    "backwards": "time,rain_mm\n2026-06-20 18:10,1\n2026-06-20 18:05,1\n",
    "another_day": "time,rain_mm\n2020-01-01 18:10,1\n2020-01-01 18:15,1\n",
    "bad_time": "time,rain_mm\nsix o'clock,1\nseven,1\n",
}


@pytest.mark.parametrize("kind", sorted(BAD_RAIN))
def test_bad_rain_files(kind: str, tmp_path: Path, small_folder: Path) -> None:
    (tmp_path / "rain.csv").write_text(BAD_RAIN[kind], "utf-8")
    path = scenario(tmp_path, small_folder, forcing={"rain": {"gauge": "rain.csv"}})
    with pytest.raises(TwinError, match=r"rain\.csv"):
        sc.load(path).check()


def test_the_command_line_says_one_sentence_and_exits_1(tmp_path: Path, small_folder: Path) -> None:
    home = tmp_path / "home"
    wrong = scenario(tmp_path, small_folder, huors=2)
    done = cli("run", str(wrong), home=home)
    assert (
        done.returncode == 1
        and "hours" in done.stderr
        and "Traceback" not in done.stderr
        and len(done.stderr.strip().splitlines()) == 1
    )
    assert not (home / "runs").exists()
    chinese = cli("--lang", "zh", "run", "no-such-scenario", home=home)
    assert chinese.returncode == 1 and "没有名为no-such-scenario的情景" in chinese.stderr
    assert cli("run", home=home).returncode == 2
    assert "Traceback" in cli("--debug", "run", str(wrong), home=home).stderr


@pytest.mark.parametrize(
    ("changes", "zh", "en"),
    [
        (
            {"forcing": {"rain": {"mm_h": -60, "hours": 1}}},
            "字段forcing.rain.mm_h的值为-60,应不小于0。请改正。",
            "forcing.rain.mm_h is -60; it must be 0 or more. Correct it.",
        ),
        (
            {"forcing": {"rain": {"design": "chicago"}}},
            "缺少字段forcing.rain.formula,同级现有design。请补上。",
            "forcing.rain.formula is missing; found beside it: design. Add it.",
        ),
        ({"hours": True, "seed": "x"}, "字段seed的值为'x',应为整数。请改正。", "seed is 'x'; it must be a whole number. Correct it."),
    ],
)  # fmt: skip
def test_a_wrong_field_is_told_in_one_plain_sentence(
    changes: dict[str, object], zh: str, en: str, tmp_path: Path, small_folder: Path
) -> None:
    path = scenario(tmp_path, small_folder, **changes)
    for lang, sentence in (("zh", zh), ("en", en)):
        with pytest.raises(TwinError) as error:
            sc.load(path)
        assert error.value.message(lang).endswith(sentence)


def test_rain_that_the_run_misses_is_said(tmp_path: Path, small_folder: Path) -> None:
    never = scenario(tmp_path, small_folder, forcing={"rain": {"mm_h": 60, "hours": 1, "begins": "23:00"}})
    with pytest.raises(TwinError) as error:
        sc.load(never).check()
    assert error.value.code == "rain_outside"
    half = scenario(tmp_path, small_folder, forcing={"rain": {"mm_h": 60, "hours": 2}})
    assert dict(sc.load(half).drivers()[1])["rain_cut"] == pytest.approx({"lost": 60.0, "total": 120.0})
    (tmp_path / "rain.csv").write_text("time,rain_mm\n2026-06-20 18:00,1\n2026-06-20 18:05,2\n", "utf-8")
    short = scenario(tmp_path, small_folder, forcing={"rain": {"gauge": "rain.csv"}})
    assert ("rain_ends", {"time": "18:10"}) in sc.load(short).drivers()[1]


def test_a_key_written_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "twice.yaml").write_text("schema: 1\nhours: 1\nhours: 2\n", "utf-8")
    with pytest.raises(TwinError, match="hours"):
        sc.load(tmp_path / "twice.yaml")


def test_a_failed_run_leaves_no_folder(storm: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise SourceError("file_empty", where="x")

    monkeypatch.setattr("scenarios.runner.simulate._write_outcome", broken)
    with pytest.raises(SourceError):
        sc.run(sc.load(storm))
    assert not list((anlan_home / "runs").iterdir())


@pytest.mark.parametrize(
    ("measure", "code"),
    [
        ({"kind": "pmup", "place": "u1", "values": {}}, "measure_kind"),
        ({"kind": "pump", "place": "nowhere", "values": {"flow_m3_s": 0.1}}, "measure_place"),
        ({"kind": "pump", "place": "u1"}, "measure_values"),
        ({"kind": "inlets", "place": "*", "values": {"open_share": 80}}, "measure_range"),
        (
            {"kind": "pump", "place": "u1", "start": "18:30", "end": "18:10", "values": {"flow_m3_s": 0.1}},
            "measure_time",
        ),
        ({"kind": "pump", "place": "u1", "start": "late", "values": {"flow_m3_s": 0.1}}, "time_text"),
    ],
)
def test_measures_are_checked_before_the_run(
    measure: dict[str, object], code: str, tmp_path: Path, small_folder: Path
) -> None:
    with pytest.raises(TwinError) as error:
        sc.load(scenario(tmp_path, small_folder, measures=[measure])).check()
    assert error.value.code == code


ON_THE_SQUARE = {"hazards": [{"crowd": {"venue": "venue-square", "persons": 10}}], "forcing": {}}
BREACH = {"width_m": 60, "bottom_m": 20, "at": 0.5, "minutes": 10}


@pytest.mark.parametrize(
    ("kind", "place", "values", "wanted", "near"),
    [
        ("breach", "road-0007", BREACH, "a levee", ["levee-1"]),
        ("breach", "levee1", BREACH, "a levee", ["levee-1"]),
        ("sandbags", "underpass-2", {"height_m": 0.5}, "a metro entrance", ["metro-"]),
        ("drain_pump", "PU_DIP", {"setting": 0}, "a pump of the drains", ["PU_DIP1", "PU_DIP2"]),
        ("gate", "PU1", {"opening": 0}, "an orifice, weir or outlet of the drains", ["SLUICE"]),
        ("pump", "underpas-2", {"flow_m3_s": 0.1}, "a place of the city", ["underpass-2"]),
        ("open_gate", "square-north", {}, "a gate of a venue", ["venue-square/square-north"]),
        ("open_gap", "venue-square/square-north", {}, "a relief gap of a venue", []),
    ],
)
def test_a_place_a_measure_cannot_act_on_is_told_with_file_measure_and_near_matches(
    kind: str, place: str, values: dict[str, float], wanted: str, near: list[str], tmp_path: Path
) -> None:
    measure = {"kind": kind, "place": place, "values": values}
    path = scenario(
        tmp_path, Path("linjiang"), measures=[measure], **(ON_THE_SQUARE if kind.startswith("open") else {})
    )
    with pytest.raises(TwinError) as error:
        sc.load(path).check()
    sentence = error.value.message("en")
    assert error.value.code == ("measure_place" if near else "measure_no_place")
    assert all(word in sentence for word in (str(path), kind, place, wanted, *near))
    assert kind in error.value.message("zh") and place in error.value.message("zh")


def test_what_each_measure_acts_on_has_a_name_in_both_languages() -> None:
    for kind, measure in hazards.measures(hazards.HAZARDS).items():
        for lang in ("zh", "en"):
            named = words.keys(lang) & {f"wanted.{measure.acts_on}", f"place.{measure.acts_on}"}
            assert named, (kind, measure.acts_on)


def test_a_measure_in_a_city_without_such_places_is_refused(tmp_path: Path, small_folder: Path) -> None:
    measure = {"kind": "gate", "place": "C1", "values": {"opening": 0}}
    with pytest.raises(TwinError) as error:
        sc.load(scenario(tmp_path, small_folder, measures=[measure])).check()
    assert error.value.code == "measure_no_place"
    assert all(word in error.value.message("en") for word in ("gate", "an orifice, weir or outlet of the drains"))


@pytest.mark.parametrize(("kind", "drainage"), [("gate", "none"), ("gate", "screening"), ("inlets", "none")])
def test_a_measure_on_drains_that_are_not_simulated_is_refused(kind: str, drainage: str, tmp_path: Path) -> None:
    measure = {"kind": kind, "place": "SLUICE" if kind == "gate" else "*"}
    measure["values"] = {"opening": 1} if kind == "gate" else {"open_share": 1}
    path = scenario(tmp_path, Path("linjiang"), measures=[measure], hazards=[{"flood": {"drainage": drainage}}])
    with pytest.raises(TwinError) as error:
        sc.run(sc.load(path))
    assert error.value.code == "measure_drainage"
    assert all(word in error.value.message("zh") for word in (kind, drainage, "swmm"))


def test_a_place_off_the_terrain_is_refused(tmp_path: Path, small_city) -> None:
    far = small_city.facilities.geometry.translate(5000.0)
    save_folder(dataclasses.replace(small_city, facilities=small_city.facilities.set_geometry(far)), tmp_path / "moved")
    measure = {"kind": "pump", "place": "u1", "values": {"flow_m3_s": 0.1}}
    with pytest.raises(TwinError) as error:
        sc.load(scenario(tmp_path, tmp_path / "moved", measures=[measure])).check()
    assert error.value.code == "measure_off" and "u1" in error.value.message("zh")


def test_a_checked_case_tells_its_error_on_one_line(tmp_path: Path) -> None:
    measure = {"kind": "breach", "place": "road-0007", "values": BREACH}
    path = scenario(tmp_path, Path("linjiang"), measures=[measure])
    told = cli("run", str(path), home=tmp_path / "home")
    assert told.returncode == 1 and told.stderr.startswith("Error:") and len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("command", "code", "channel"),
    [
        ("runs", 0, "out"),
        ("plan draft", 1, "err"),
        ("report", 1, "err"),
        ("plan approve P1", 1, "err"),
        ("run", 2, "err"),
    ],
)
def test_an_empty_shelf_says_what_to_do_next(command: str, code: int, channel: str, tmp_path: Path) -> None:
    for lang in ("zh", "en"):
        told = cli(*command.split(), home=tmp_path / "none", ANLAN_LANG=lang)
        words = told.stdout if channel == "out" else told.stderr
        assert told.returncode == code and "anlan run" in words and "Traceback" not in words
        assert (told.stderr if channel == "out" else told.stdout) == "", "nothing half-said on the other channel"
        assert (sc.titles(lang)["levee-breach"] in words and "levee-breach" in words) == (command == "run")


def test_the_wait_for_the_compiler_is_told_whenever_a_kernel_is_compiled_and_only_then(tmp_path: Path) -> None:
    """Two children on one cache: in the first a kernel is compiled, once; the second finds it, and compiles another."""
    code = (
        "import numba\nimport numpy as np\nfrom scenarios.terminal import bar\nfrom hydro.kernels.screening import demand, take\n"
        "def told(kernel, *more):\n    with bar('t') as move:\n        move(0.0)\n        kernel(*more)\n    print('--', flush=True)\n"
        "none, at, real = np.zeros(0), np.zeros(0, np.int64), np.zeros((2, 2))\n"
        "one = (take, none, real, at, at, none, 1.0)\n"
        "two = (demand, none, real, at, at, none, none, none, 1.0, 0.5, 0.6, 1.0)\n"
    )
    env = {**os.environ, "ANLAN_KERNEL_CACHE": str(tmp_path), "ANLAN_LANG": "en", "PYTHONUNBUFFERED": "1"}
    told = []
    for calls in ("told(*one)\ntold(*one)", "told(*one)\ntold(*two)\ntold(numba.njit(lambda: 0))"):
        child = subprocess.run(
            [sys.executable, "-c", code + calls],
            env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120,
        )  # fmt: skip
        assert child.returncode == 0, child.stdout
        told += [part.count("Compiling kernels") for part in child.stdout.split("--\n")[:-1]]
    assert told == [1, 0, 0, 1, 0]


def test_a_full_disk_leaves_nothing(storm: Path, anlan_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = sc.run(sc.load(storm))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("scenarios.runner.simulate._write_outcome", full)
    with pytest.raises(SourceError) as error:
        sc.run(sc.load(storm).with_changes(hours=0.5))
    assert error.value.code == "disk_full"
    assert [p.name for p in before.folder.parent.iterdir()] == [before.id]


def parts(home: Path) -> list[Path]:
    return list((home / "runs").glob("*/*.part-*"))


def start_long_run(tmp_path: Path, small_folder: Path, home: Path) -> tuple[subprocess.Popen[str], Path]:
    path = scenario(tmp_path, small_folder, hours=200)
    child = subprocess.Popen(
        [sys.executable, "-m", "scenarios.cli", "run", str(path)],
        env={**os.environ, "ANLAN_HOME": str(home), "ANLAN_LANG": "en"}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    end = time.monotonic() + 120
    while not parts(home) and time.monotonic() < end and child.poll() is None:
        time.sleep(0.1)
    assert parts(home), child.communicate(timeout=10)
    time.sleep(1.0)
    return child, path


def test_ctrl_c_leaves_nothing_and_touches_no_earlier_run(
    tmp_path: Path, small_folder: Path, storm: Path, anlan_home: Path
) -> None:
    earlier = sc.run(sc.load(storm))
    child, _ = start_long_run(tmp_path, small_folder, anlan_home)
    child.send_signal(signal.SIGINT)
    _, said = child.communicate(timeout=60)
    assert child.returncode == 130 and "Interrupted" in said and "Traceback" not in said
    assert not parts(anlan_home)
    assert sc.find_run(earlier.id).manifest == earlier.manifest


def test_killed_and_repeated_gives_the_same_result(
    tmp_path: Path, small_folder: Path, storm: Path, anlan_home: Path
) -> None:
    whole = sc.run(sc.load(storm))
    depth = whole.fields["flood"]["water_depth"].values.copy()
    child, _ = start_long_run(tmp_path, small_folder, anlan_home)
    child.kill()
    child.communicate(timeout=30)
    assert parts(anlan_home) and [r.id for r in sc.all_runs()] == [whole.id]
    again = sc.run(sc.load(storm), fresh=True)
    assert not parts(anlan_home), "the next run sweeps up"
    assert again.id == whole.id and (again.fields["flood"]["water_depth"].values == depth).all()


def test_a_job_runs_in_a_child_process_and_can_be_cancelled(
    tmp_path: Path, small_folder: Path, storm: Path, anlan_home: Path
) -> None:
    job = sc.submit(sc.load(storm))
    assert sc.jobs()[0].id == job.id
    run = job.wait(240)
    assert job.state == "done" and job.progress == 1.0 and run.manifest["id"] == run.id
    long = sc.submit(sc.load(scenario(tmp_path, small_folder, hours=200)))
    end = time.monotonic() + 120
    while not parts(anlan_home) and time.monotonic() < end:
        time.sleep(0.1)
    long.cancel()
    assert long.state == "cancelled" and not parts(anlan_home)


def test_a_job_that_cannot_be_is_refused_before_it_starts(tmp_path: Path, small_folder: Path, anlan_home: Path) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(small_folder, broken)
    (broken / "drains.inp").write_text(
        (broken / "drains.inp").read_text().replace("C1 CIRCULAR 0.5", "C9 CIRCULAR 0.5")
    )
    with pytest.raises(TwinError, match="ERROR") as error:
        sc.submit(sc.load(scenario(tmp_path, broken)))
    assert "C9" in error.value.message("en") and "拒绝" in error.value.message("zh")
    assert not sc.jobs()


def test_population_finer_than_100_m_and_personal_columns_are_refused(small_city) -> None:
    fine = small_city.population.assign(geometry=small_city.population.geometry.centroid.buffer(20, cap_style="square"))
    with pytest.raises(SourceError) as error:
        dataclasses.replace(small_city, population=fine)
    assert error.value.code == "population_fine"
    with pytest.raises(SourceError) as error:
        dataclasses.replace(small_city, facilities=small_city.facilities.assign(phone="1"))
    assert error.value.code == "personal_columns"
    twice = small_city.roads.assign(id="r1")
    with pytest.raises(SourceError) as error:
        dataclasses.replace(small_city, roads=twice)
    assert error.value.code == "duplicate_ids"


@pytest.mark.parametrize("value", ["yes", "true", 1, 0.0])
def test_what_is_neither_true_nor_false_is_refused_for_a_switch(value: object) -> None:
    rows = [{"release": {"substance": "chlorine", "near_source": value}}]
    with pytest.raises(ScenarioError) as error:
        build_hazards(parse({**VALID, "hazards": rows}, "s.yaml"), "s.yaml")
    assert error.value.code == "field" and "must be true or false" in error.value.message("en")
    assert "near_source" in error.value.message("zh") and "true" in error.value.message("zh")
    with pytest.raises(ScenarioError, match="must be true or false"):
        parse({**VALID, "forcing": {"rain": {"gauge": "rain.csv", "cumulative": value}}}, "s.yaml")


def test_a_switch_that_is_true_or_false_is_taken() -> None:
    for value in (True, False):
        rows = [{"release": {"substance": "chlorine", "near_source": value}}]
        assert build_hazards(parse({**VALID, "hazards": rows}, "s.yaml"), "s.yaml")["release"].near_source is value
        varied = {"vary": {"release.near_source": {"choice": [value]}}}
        (drawn,) = parse({**VALID, "ensemble": varied}, "s.yaml").ensemble.vary["release.near_source"].ends
        assert drawn is value


@pytest.mark.parametrize(
    ("changes", "field", "offered", "not_offered"),
    [
        ({"forcing": {"snow": 3}}, "forcing.snow", {"rain", "wind"}, {"sensor", "mm_h"}),
        ({"forcing": {"rian": 3}}, "forcing.rian", {"rain"}, {"weather"}),
        ({"forcing": {"rain": {"mm_hr": 30, "hours": 1}}}, "forcing.rain.mm_hr", {"mm_h"}, {"hours"}),
        ({"forcing": {"attendance": [{"place": "x", "person": 1}]}}, "forcing.attendance.0.person", {"persons"}, set()),
        ({"ensemble": {"vary": {"rain.factor": {"unifrm": [0, 1]}}}}, "ensemble.vary.rain.factor.unifrm", {"uniform"}, {"rain"}),
        ({"hors": 1}, "hors", {"hours"}, {"mm_h"}),
        ({"hazards": [{"flood": {"cell": 10}}]}, "cell", {"cell_m"}, {"hours"}),
    ],
)  # fmt: skip
def test_a_misspelt_key_is_offered_the_keys_of_its_own_place(changes, field, offered, not_offered) -> None:
    with pytest.raises(ScenarioError) as error:
        build_hazards(parse({**VALID, **changes}, "s.yaml"), "s.yaml")
    found = error.value
    assert (found.code, found.values["found"]) == ("unknown_key", field)
    near = set(found.values["near"])
    assert offered <= near and not near & not_offered
