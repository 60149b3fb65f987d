"""Limits, loads, running means; the tables of substances."""

from __future__ import annotations

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pytest

from evacuation.release import substances
from evacuation.release.history import History, frame_length
from evacuation.release.kernels import loads
from evacuation.release.substances import known, substance
from evacuation.release.toxicity import WINDOWS_S, Curve, limits_of
from twin.errors import ScenarioError

CHLORINE = substance("chlorine")
LIMITS = limits_of(CHLORINE)


def rate(curve: Curve, c: float) -> float:
    return loads.load_rate(c, curve.log_t, curve.log_c, curve.n_short, curve.n_long)


@pytest.mark.parametrize("stem", sorted(set(known().values())))
def test_every_table_can_be_read_and_every_value_says_where_it_is_from(stem: str) -> None:
    gas = substance(stem)
    assert set(gas.name) == {"zh", "en"}
    for quantity, values in gas.values.items():
        for value in values:
            assert np.isfinite(value.value) and value.source and value.confidence in ("high", "medium", "low"), quantity
    assert gas.molar_kg > 0 and gas.gas_density(293.15) > 0.5


def test_no_concentration_collects_a_limit_in_less_than_a_second() -> None:
    for name in sorted(set(known().values())):
        curve = limits_of(substance(name)).curves[2]
        assert rate(curve, 0.5 * curve.at(1.0)) < 1.0 == rate(curve, 100.0 * curve.at(1.0)), name


@pytest.mark.parametrize(
    "name", ["chlorine", "Chlorine", "氯", "ammonia", "lpg", "propane", "hydrogen sulfide", "H2S", "硫化氢"]
)
def test_the_first_substances_are_there_under_their_names(name: str) -> None:
    assert len(substance(name).limits("AEGL3")) == 5


@pytest.mark.parametrize("name", sorted(set(known().values())))
def test_air_that_reaches_a_level_has_reached_those_below_it(name: str) -> None:
    gas = substance(name)
    limits = limits_of(gas)
    for seconds in (300.0, *WINDOWS_S, 5000.0, 20_000.0):
        one, two, three = (curve.at(seconds) for curve in limits.curves)
        assert one <= two * (1 + 1e-9) and two <= three * (1 + 1e-9), seconds


def test_air_above_the_second_level_is_graded_so_where_the_first_was_published_higher() -> None:
    gas = substance("carbon monoxide")
    assert gas.limits("ERPG1")[3600.0] > gas.limits("AEGL2")[3600.0]
    limits = limits_of(gas)
    assert ("limit_capped", {"level": 1, "next": 2}) in limits.notes
    worst = np.zeros((1, 1), dtype=np.float32)
    c = np.full((1, 1), 2.1 * gas.limits("AEGL2")[3600.0], dtype=np.float32)
    shares = np.asarray(c[0, 0] / limits.table()[:, WINDOWS_S.index(3600.0)], dtype=np.float32).reshape(3, 1, 1)
    loads.severity(np.zeros((1, 1), dtype=np.float32), worst, shares, c, limits.table()[0].min(), 0.0)
    assert 2.0 <= worst[0, 0] < 3.0


def test_parts_per_million_become_kilograms() -> None:
    assert CHLORINE.kg_m3(1.0) == pytest.approx(2.898e-6, rel=1e-3)
    assert substance("propane").flammable_kg_m3 == pytest.approx(0.021 * 1.803, rel=2e-3), (
        "the value of high confidence"
    )


def test_between_published_durations_the_limit_is_straight_in_logarithms() -> None:
    curve = LIMITS.curves[2]
    assert curve.at(600.0) == pytest.approx(CHLORINE.kg_m3(50.0)) and curve.at(3600.0) == pytest.approx(
        CHLORINE.kg_m3(20.0)
    )
    middle = np.sqrt(600.0 * 1800.0)
    assert curve.at(middle) == pytest.approx(np.sqrt(CHLORINE.kg_m3(50.0) * CHLORINE.kg_m3(28.0)))


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("seconds", [300.0, 600.0, 1234.0, 3600.0, 20_000.0, 28_800.0])
def test_a_constant_concentration_reaches_its_limit_at_its_duration(level: int, seconds: float) -> None:
    gas = limits_of(substance("hydrogen sulfide"))
    curve = gas.curves[level]
    assert rate(curve, curve.at(seconds)) == pytest.approx(1.0 / seconds, rel=1e-9)


def test_a_level_curve_counts_from_its_value_on() -> None:
    curve = limits_of(substance("propane")).curves[2]
    at = curve.at(600.0)
    assert curve.at(28_800.0) == pytest.approx(at)
    assert (
        rate(curve, 0.99 * at) == 0.0
        and rate(curve, at) == pytest.approx(1 / 600.0)
        and rate(curve, 2 * at) > 1 / 600.0
    )


def test_a_limit_that_is_missing_is_never_safe() -> None:
    methane = substance("methane")
    with pytest.raises(ScenarioError, match="danger to life"):
        limits_of(replace(methane, values={k: v for k, v in methane.values.items() if not k.startswith("HJ169")}))
    ends = limits_of(methane)
    assert [curve.at(3600.0) for curve in ends.curves[1:]] == pytest.approx([0.15, 0.26]), "HJ 169-2018, one hour"
    assert next(said["source"] for code, said in ends.notes if code == "limit_standin").startswith("HJ 169")
    bare = replace(
        CHLORINE, values={k: v for k, v in CHLORINE.values.items() if not k.startswith(("AEGL1", "ERPG1", "AEGL3"))}
    )
    stand_in = limits_of(bare)
    codes = [code for code, _ in stand_in.notes]
    assert codes.count("limit_standin") == 2
    assert stand_in.curves[2].at(3600.0) == pytest.approx(CHLORINE.kg_m3(20.0)), "ERPG-3"
    assert 0 < stand_in.curves[0].at(600.0) < stand_in.curves[1].at(600.0)
    few = replace(
        CHLORINE, values={k: v for k, v in CHLORINE.values.items() if not k.endswith(("4h", "8h")) or "3" not in k}
    )
    assert ("limit_durations", {"level": 3, "count": 3}) in limits_of(few).notes
    assert limits_of(few).curves[2].at(28_800.0) < CHLORINE.kg_m3(20.0)


def test_an_unknown_substance_is_named_with_its_neighbours() -> None:
    with pytest.raises(ScenarioError, match="chlorine"):
        substance("clorine")


TABLE = files(substances).joinpath("chlorine.csv").read_text("utf-8")


def test_a_city_has_substances_of_its_own_and_they_come_first() -> None:
    own = {"Works-Gas": TABLE.replace("cl2", "wg").replace("AEGL3_60min,20", "AEGL3_60min,2"), "chlorine": TABLE}
    gas = substance("wg", own)
    assert gas.own and gas.id == "works_gas" and gas.limits("AEGL3")[3600.0] == pytest.approx(gas.kg_m3(2.0))
    assert substance("chlorine", own).own and not substance("chlorine").own
    with pytest.raises(ScenarioError, match=r"substances/NAME\.csv"):
        substance("works gas")


@pytest.mark.parametrize(
    ("old", "new", "code", "says"),
    [("70.906", "heavy", "substance_number", "heavy"), ("70.906", "nan", "substance_number", "nan"),
     ("AEGL3_8h,7.1", "AEGL3_8h,-7.1", "substance_number", "AEGL3_8h"), ("AEGL3_8h,7.1,ppm", "AEGL3_8h,21,mg/m3", "substance_unit", "mg/m3"),
     ("name_zh", "name_fr", "substance_value", "name_zh"), ("quantity,", "what,", "substance_columns", "what"),
     ("probit_n,2.75", "other,2.75", "substance_response", "cpr18e")],
)  # fmt: skip
def test_what_a_table_cannot_say_is_named(old: str, new: str, code: str, says: str) -> None:
    assert old in TABLE
    with pytest.raises(ScenarioError, match=says) as error:
        substance("gas", {"gas": TABLE.replace(old, new)})
    assert error.value.code == code


def test_all_that_a_table_lacks_is_named_at_once() -> None:
    for name in known().values():
        substance(name).check()
    bare = "\n".join(row for row in TABLE.splitlines() if not row.startswith(("latent", "liquid_d", "antoine")))
    with pytest.raises(ScenarioError, match="latent_heat_at_Tb, liquid_density, antoine_A, antoine_B, antoine_C"):
        substance("gas", {"gas": bare}).check()


def test_families_that_disagree_stay_selectable() -> None:
    families = CHLORINE.families()
    assert list(families) == ["cpr18e", "withers_lees"]
    mg, ppm = 1000.0, 1000.0 / (CHLORINE.kg_m3(1.0) * 1e6)
    one = families["cpr18e"].response(mg ** families["cpr18e"].n * 30.0)
    other = families["withers_lees"].response(ppm ** families["withers_lees"].n * 30.0)
    assert 0.1 < one < 0.9 and 0.1 < other < 0.95 and abs(one - other) > 0.01
    slot = substance("sulfur dioxide").families()["hse_slot"]
    assert slot.response(4.6e6) == pytest.approx(1.0) and slot.n == 2.0


def test_the_running_fraction_is_the_worst_window() -> None:
    frame, curve = 120.0, LIMITS.curves
    history = History((1, 1), LIMITS, 0.0, frame, 60, None)
    series = np.concatenate([np.full(5, 2e-5), np.full(55, 1e-6)])
    for value in series:
        for _ in range(6):
            history.add(np.full((1, 1), value), 20.0)
    for level in range(3):
        means = [series[max(0, 60 - round(w / frame)) :].sum() * frame / w for w in WINDOWS_S]
        worst = max(m / curve[level].at(w) for m, w in zip(means, WINDOWS_S, strict=True))
        assert history.fraction[level, 0, 0] == pytest.approx(worst, rel=1e-6)
    peak = max(series[max(0, k - 4) : k + 1].sum() / 5 for k in range(60))
    assert history.worst[0, 0] == pytest.approx(2.0 + peak / curve[2].at(600.0), rel=1e-6), "beyond level 2"


def test_severity_grades_flammable_gas_too() -> None:
    c = np.array([[0.05, 0.1, 0.5, 1.0]])
    out, worst = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    loads.severity(out, worst, np.zeros((3, 1, 4)), c, 1e-9, 1.0)
    assert out[0].tolist() == pytest.approx([0.5, 1.0, 3.0, 3.5])


def test_severity_falls_when_the_cloud_has_passed_and_the_worst_stays() -> None:
    fraction = np.array([[[0.5, 2.0, 9.0, 9.0]], [[0.1, 0.4, 1.5, 9.0]], [[0.0, 0.1, 0.2, 1.5]]])
    out, worst = np.zeros((1, 4), np.float32), np.zeros((1, 4), np.float32)
    loads.severity(out, worst, fraction, np.full((1, 4), 2e-6), 1e-6, 0.0)
    assert out[0].tolist() == pytest.approx([0.5, 1.4, 2.2, 3.5])
    loads.severity(out, worst, 0.9 * fraction, np.full((1, 4), 3e-7), 1e-6, 0.0)
    assert out[0].tolist() == pytest.approx([0.3] * 4) and worst[0].tolist() == pytest.approx([0.5, 1.4, 2.2, 3.5])


@pytest.mark.parametrize(
    ("output", "step", "frame"), [(300.0, 20.0, 100.0), (60.0, 20.0, 60.0), (600.0, 20.0, 120.0), (300.0, 30.0, 60.0)]
)
def test_frames_fit_outputs_and_windows(output: float, step: float, frame: float) -> None:
    assert frame_length(output, step) == frame


def test_a_frame_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(ScenarioError, match="7"):
        frame_length(300.0, 7.0)
