"""The engine coupled to arrays: settling without oscillation, held links, what the text keeps, replay."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest

from hydro.drains.coupling import Coupling, Manholes
from hydro.drains.swmm_input import Setting, prepare, series_elsewhen
from hydro.proofs.hotstart import hotstart_difference
from twin.errors import SourceError
from twin.inp import decode, read_sections

START = datetime(2026, 6, 20, 18)

PUMPED = """[TITLE]
a sump with a pump, a gate on the way out
[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
ROUTING_STEP 5
VARIABLE_STEP 0.75
SURCHARGE_METHOD SLOT
MIN_SURFAREA 1.2
[JUNCTIONS]
J1 16.0 4.0 0 0 0
J2 17.0 3.0 0 0 0
[OUTFALL]
O1 15.0 FREE NO S9
[STORAGE]
W 15.0 10.0 1.0 FUNCTIONAL 0 0 30 0 0
[CONDUITS]
C1 J1 W 100 0.013 0 0
C2 J2 O1 100 0.013 0 0
[PUMPS]
P1 W J2 PC ON 1.5 0.5
[CURVES]
PC PUMP2 10.0 0.2
[XSECTIONS]
C1 CIRCULAR 0.5 0 0 0
C2 CIRCULAR 0.6 0 0 0
[INFLOWS]
J1 FLOW dry
J1 TSS dirt
[TIMESERIES]
dry 0 0.05
dry 24 0.05
[CONTROLS]
RULE own
IF NODE W DEPTH > 4.5
THEN PUMP P1 SETTING = 1.0
"""


def coupled(inp=PUMPED, duration=1800.0, **more):
    at = np.array([0, 0])
    manholes = Manholes(["J1", "J2"], at, np.array([0, 1]), np.array([20.0, 20.0]))
    return Coupling(inp, manholes, start=START, duration_s=duration, exchange_s=5.0, cell_area_m2=100.0, **more)


def run(drains, steps=360, water=0.0):
    h, z = np.full((1, 2), water), np.full((1, 2), 20.0)
    heads, settings = [], []
    with drains:
        for _ in range(steps):
            drains.step(h, z)
            heads.append(drains.engine.heads())
            settings.append(drains.engine.setting("P1"))
        table = drains.finish()
    return h, np.array(heads), np.array(settings), table


def test_a_drowned_manhole_and_the_water_above_it_come_to_one_level_without_swinging() -> None:
    closed = PUMPED.replace("J1 FLOW dry", "J2 FLOW dry")  # no pump, no inflow: J1 and its pipe only fill
    stopped = coupled(closed, 7200.0, settings=[Setting("P1", 0.0, 1e9, 0.0)])
    h, heads, _, _ = run(stopped, steps=1440, water=1.5)
    level = 20.0 + h[0, 0]
    late = heads[-60:, 0] - level
    assert np.abs(late).max() < 1e-3
    assert np.abs(np.diff(heads[-60:, 0])).max() < 1e-3


def test_a_drowned_street_over_a_shut_outlet_circulates_without_swinging() -> None:
    """Water falls in upstream and comes up downstream; without damping heads jump between pipe and rim at every step."""
    inp = """[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
ROUTING_STEP 5
VARIABLE_STEP 0.75
[JUNCTIONS]
J1 21.0 2.6 0 0 0
J2 20.2 2.8 0 0 0
J3 19.4 2.9 0 0 0
[CONDUITS]
C1 J1 J2 200 0.013 0 0
C2 J2 J3 200 0.013 0 0
[OUTFALLS]
O1 17.0 FREE NO
[ORIFICES]
GATE J3 O1 SIDE 0 0.65 NO 0
[XSECTIONS]
C1 CIRCULAR 0.5 0 0 0
C2 CIRCULAR 0.6 0 0 0
GATE CIRCULAR 0.8 0 0 0
"""
    at = np.arange(3)
    rim = np.array([23.6, 23.0, 22.3])
    flows, heads = [], []
    h = np.full((1, 3), 0.1)
    drains = Coupling(inp, Manholes(["J1", "J2", "J3"], at * 0, at, rim), start=START, duration_s=3600.0, exchange_s=5.0,
                      cell_area_m2=1e4, settings=[Setting("GATE", 0.0, 1e9, 0.0)])  # fmt: skip
    with drains:
        for _ in range(720):
            flows.append(drains.step(h, rim[None, :]) / 5.0)
            heads.append(drains.engine.heads())
        drains.finish()
    late, steps = np.array(flows)[-240:], np.abs(np.diff(np.array(heads)[-240:], axis=0))
    assert late[:, 0].min() > 0.05 and late[:, 2].max() < -0.05, "down at the head of the street, up at its foot"
    assert np.abs(np.diff(late, axis=0)).max() < 0.01 and steps.max() < 0.02


def test_a_pump_keeps_its_levels_and_stands_still_while_it_is_held() -> None:
    plain = coupled()
    _, _, free, _ = run(plain)
    assert 0 < free.mean() < 1, "the pump switches by the levels of its sump"
    held = coupled(settings=[Setting("P1", 600.0, 1200.0, 0.0)])
    _, _, setting, _ = run(held)
    assert not setting[121:239].any()
    assert setting[241:].any(), "it works again afterwards"
    broken = coupled(settings=[Setting("P1", 600.0, 1e9, 0.0)])
    run(broken)
    assert broken.account["outflow_m3"] < plain.account["outflow_m3"]


def test_half_a_setting_is_half_a_flow() -> None:
    _, _, setting, _ = run(coupled(settings=[Setting("P1", 600.0, 1200.0, 0.5)]))
    assert (setting[121:239] == 0.5).all()


def test_a_split_run_with_a_held_pump_goes_on_exactly() -> None:
    held = Setting("P1", 600.0, 1500.0, 0.0)
    h0, heads0, _, _ = run(coupled(settings=[held]))
    first = coupled(duration=900.0, settings=[held])
    h, z = np.zeros((1, 2)), np.full((1, 2), 20.0)
    with first:
        for _ in range(180):
            first.step(h, z)
        first.finish()
    rest = coupled(duration=900.0, settings=[Setting("P1", -300.0, 600.0, 0.0)], replay=first.record())
    with rest:
        heads = []
        for _ in range(180):
            rest.step(h, z)
            heads.append(rest.engine.heads())
        rest.finish()
    np.testing.assert_array_equal(np.array(heads), heads0[180:])
    np.testing.assert_array_equal(h, h0)
    assert rest.account["replayed_s"] == 900.0


def test_a_manhole_that_spills_and_drinks_keeps_all_water() -> None:
    flooded = PUMPED.replace("dry 0 0.05", "dry 0 0.3").replace("dry 24 0.05", "dry 24 0.3")
    drains = coupled(flooded, 7200.0)
    h, _, _, table = run(drains, steps=1440)
    assert table["surcharged_m3"].sum() > 50.0
    assert h.sum() * 100.0 == pytest.approx(table["surcharged_m3"].sum() - table["captured_m3"].sum(), rel=1e-12)
    account = drains.account
    assert account["handed_out_m3"] == pytest.approx(table["surcharged_m3"].sum())
    assert abs(account["continuity_error"]) < 0.01 and account["flooding_m3"] < 1e-6
    assert account["engine_s"] > 0 and account["exchange_s"] > 0


def test_the_model_keeps_its_own_works_and_loses_what_hangs_on_runoff() -> None:
    text = prepare(PUMPED, START, 600.0, 5.0, {"J1": 4.0}, [Setting("P1", 0.0, 60.0, 0.0)])
    sections = read_sections(text)
    assert sections["INFLOWS"] == [["J1", "FLOW", "dry"]]
    assert sections["OUTFALLS"] == [["O1", "15.0", "FREE", "NO"]]
    assert sections["CONTROLS"][:3] == read_sections(PUMPED)["CONTROLS"]
    assert ["START_DATE", "06/20/2026"] in sections["OPTIONS"]
    for name in ("PUMPS", "CURVES", "STORAGE", "TIMESERIES"):
        assert sections[name] == read_sections(PUMPED)[name]


@pytest.mark.parametrize(
    ("inp", "settings", "code"),
    [
        (PUMPED, [Setting("P9", 0.0, 60.0, 0.0)], "unknown_place"),
        (PUMPED.replace("dry 0 0.05", 'dry FILE "rain.dat"'), [], "swmm_series_file"),
    ],
)
def test_what_cannot_be_held_or_read_is_named(inp, settings, code) -> None:
    with pytest.raises(SourceError) as error:
        prepare(inp, START, 600.0, 5.0, {}, settings)
    assert error.value.code == code


def test_dated_series_that_miss_the_run_are_found() -> None:
    dated = PUMPED.replace("dry 0 0.05", "dry 01/01/2020 00:00 0.05").replace(
        "dry 24 0.05", "dry 01/02/2020 00:00 0.05"
    )
    assert series_elsewhen(dated, START, 600.0) == ["dry"]
    assert series_elsewhen(PUMPED, START, 600.0) == []


def test_section_names_and_line_ends_are_read_as_the_engine_reads_them() -> None:
    raw = b"[OUTFALL]\r\nO1 15.0 FREE NO\r\n[CONDUITS]\r\nC1 J1 O1 100 0.013 0 0\r 0 0\r\n"
    sections = read_sections(decode(raw))
    assert sections == {
        "OUTFALLS": [["O1", "15.0", "FREE", "NO"]],
        "CONDUITS": [["C1", "J1", "O1", "100", "0.013", "0", "0", "0", "0"]],
    }
    assert read_sections(decode(b"[OUTFALL]\rO1 15.0 FREE\r")) == {"OUTFALLS": [["O1", "15.0", "FREE"]]}


def test_the_engines_hotstart_is_near_but_a_replay_is_exact() -> None:
    drains = coupled(PUMPED.replace("dry 0 0.05", "dry 0 0.3").replace("dry 24 0.05", "dry 24 0.3"), 1200.0)
    _, heads, _, _ = run(drains, steps=240)
    found = hotstart_difference(
        PUMPED.replace("dry 0 0.05", "dry 0 0.3").replace("dry 24 0.05", "dry 24 0.3"),
        ["J1", "J2"],
        drains.record(),
        start=START,
        exchange_s=5.0,
        split=120,
    )
    assert 0.0 <= found["at_split_m"] < 1e-3, "the file keeps single precision"
    assert found["largest_m"] >= found["mean_m"] > 0.0, "and not all that the engine needs"
    assert found["largest_m"] < np.ptp(heads)
