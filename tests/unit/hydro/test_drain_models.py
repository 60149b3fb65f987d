"""Drain models as people have them: read right, computed by the dynamic wave, or said and refused with names."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from hydro.drains.coupling import Coupling, Manholes
from hydro.drains.drainage import model_notes, refuse_model
from hydro.drains.spills import Spills
from hydro.drains.swmm_input import asked_routing, left_out, prepare, series_elsewhen
from hydro.drains.tree import drain_tree
from twin.errors import ScenarioError, SourceError
from twin.inp import decode, options, read_sections
from twin.readers.findings import check_drains
from twin.readers.swmm_inp import drains_of, read_drains, reproject

START = datetime(2026, 6, 20, 18)
MODEL = """[OPTIONS]
FLOW_UNITS CMS
FLOW_ROUTING DYNWAVE
ROUTING_STEP 5
VARIABLE_STEP 0.75
[JUNCTIONS]
J1 22.0 2.4 0 0 0
J2 21.2 1.5 0 0 0
J3 20.6 2.8 0 0 0
[OUTFALLS]
O1 18.0 FREE NO
[CONDUITS]
C1 J1 J2 200 0.013 0 0
C2 J2 J3 200 0.013 0 0
C3 J3 O1 250 0.013 0 0
[XSECTIONS]
C1 CIRCULAR 0.5 0 0 0 1
C2 CIRCULAR 0.6 0 0 0 1
C3 CIRCULAR 0.8 0 0 0 1
[INFLOWS]
J1 FLOW "" FLOW 1.0 1.0 0.6
[COORDINATES]
J1 500305 3380505
J2 500505 3380505
J3 500705 3380505
O1 500955 3380505
"""
GAGE = "[RAINGAGES]\nG1 INTENSITY 0:05 1.0 TIMESERIES T1\n"


def came_up(inp: str, exchange_s: float = 5.0, seconds: float = 900.0) -> float:
    """Return the water (m3) that an inflow of 0.6 m3/s at J1, twice what C1 carries, brings up at three dry manholes."""
    at, rim = np.arange(3), np.array([24.4, 22.7, 23.4])
    h = np.zeros((1, 3))
    model = Coupling(inp, Manholes(["J1", "J2", "J3"], at * 0, at, rim), start=START, duration_s=seconds,
                     exchange_s=exchange_s, cell_area_m2=1e4)  # fmt: skip
    with model as drains:
        for _ in range(round(seconds / exchange_s)):
            drains.step(h, rim[None, :])
        drains.finish()
    return float(drains.surcharged.sum())


@pytest.mark.parametrize(
    ("line", "asked"),
    [
        ("FLOW_ROUTING KINWAVE", "KINWAVE"),
        ("FLOW_ROUTING STEADY", "STEADY"),
        ("flow_routing kinwave", "KINWAVE"),
        ("", "KINWAVE"),
        ("FLOW_ROUTING DYNWAVE\nIGNORE_ROUTING YES", "IGNORE_ROUTING"),
        ("FLOW_ROUTING DYNWAVE\nIGNORE_ROUTINGS YES", "IGNORE_ROUTING"),
    ],
)
def test_drains_are_routed_by_the_dynamic_wave_whatever_the_file_says(line: str, asked: str) -> None:
    other = MODEL.replace("FLOW_ROUTING DYNWAVE", line)
    assert came_up(other) == came_up(MODEL) > 100.0
    assert model_notes(other) == [("drain_routing", {"asked": asked})] and asked_routing(MODEL) is None


def test_the_engine_is_given_known_sections_alone_by_its_own_rule(tmp_path: Path) -> None:
    victim = tmp_path / "notes.txt"
    victim.write_text("mine", "utf-8")
    for header in ("[FILE]", "[FILES]", "[FILESX]", "[file", "[ FILES ]", "[EXTRA]"):
        inp = f"{MODEL}{header}\nSAVE OUTFLOWS {victim}\n"
        came_up(inp, seconds=60.0)
        assert victim.read_text("utf-8") == "mine"
        assert left_out(inp) == ["[EXTRA]" if header == "[EXTRA]" else "[FILES]"]
        assert str(victim) not in prepare(inp, START, 600.0, 5.0, {})
    assert "TEMPDIR" not in prepare(MODEL.replace("[JUNC", f"TEMPDIRS {tmp_path}\n[JUNC", 1), START, 600.0, 5.0, {})


def test_sections_and_options_are_found_by_their_beginning() -> None:
    odd = (
        MODEL.replace("[JUNCTIONS]", "[junc]").replace("[XSECTIONS]", "[XSECT").replace("FLOW_UNITS", "flow_units_used")
    )
    assert read_sections(odd) == read_sections(MODEL) | {"OPTIONS": read_sections(odd)["OPTIONS"]}
    assert options(read_sections(odd)) == options(read_sections(MODEL))
    rows = read_sections('[TIMESERIES]\nT FILE "my rain.txt" ; a file\n')["TIMESERIES"]
    assert rows == [["T", "FILE", '"my rain.txt"']]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GAGE + "[HYDROGRAPHS]\nUH1 G1\nUH1 ALL SHORT 0.3 0.5 2 0 0 0\n[RDII]\nJ1 UH1 20\n", ["[RDII]"]),
        ("[GROUNDWATER]\nS1 A1 J1 5 0.1 1 0 0 0 0 *\n[AQUIFERS]\nA1 0.5 0.1 0.3 5 10 15 0.3 14 0.002 0 1 0.3\n", ["[GROUNDWATER]"]),
        ("[FILES]\nUSE INFLOWS storm.txt\n", ["[FILES]"]),
        ("[EVAPORATION]\nCONSTANT 0.0\nDRY_ONLY NO\n", []),
        ("[EVAPORATION]\nCONSTANT 5.0\n", ["[EVAPORATION]"]),
        ("[RDII]\n[GWF]\n[MAP]\nDIMENSIONS 0 0 1 1\n", []),
    ],
)  # fmt: skip
def test_water_that_is_left_out_is_said(text: str, said: list[str]) -> None:
    refuse_model(MODEL + text, START, 600.0, 5.0)
    assert model_notes(MODEL + text) == ([("drain_left_out", {"sections": said})] if said else [])


def test_a_series_in_another_file_matters_only_where_something_calls_for_it() -> None:
    gage = MODEL + GAGE + '[TIMESERIES]\nT1 FILE "rain of the year.txt"\n'
    assert "rain of the year" not in prepare(gage, START, 600.0, 5.0, {})
    with pytest.raises(SourceError) as error:
        refuse_model(gage.replace('J1 FLOW ""', "J1 FLOW T1"), START, 600.0, 5.0)
    assert error.value.code == "swmm_series_file" and error.value.values["found"] == "T1"
    dated = MODEL + GAGE + "[TIMESERIES]\nT1 01/01/2001 0:00 1\nT1 13/45/2001 0:00 1\n"
    assert series_elsewhen(dated, START, 600.0) == []
    assert series_elsewhen(dated.replace('J1 FLOW ""', "J1 FLOW T1"), START, 600.0) == ["T1"]


TRANSECT = """[TRANSECTS]
;ditch #1 after survey
NC 0.03 0.03 0.03
X1 Tr#1 4 0 0 0 0 0 0 0
GR 1 0 0 1 0 2 1 3
"""


def test_a_transect_at_the_end_of_the_file_is_read_whole() -> None:
    inp = MODEL.replace("C2 CIRCULAR 0.6 0 0 0 1", "C2 IRREGULAR Tr#1 0 0 0 1") + TRANSECT
    refuse_model(inp, START, 600.0, 5.0)
    links = drains_of(inp, "EPSG:4547", "x").links.set_index("id")
    assert links.at["C2", "shape"] == "IRREGULAR" and links.at["C2", "height_m"] == 0.0
    with pytest.raises(SourceError) as error:
        drain_tree(inp)
    assert error.value.code == "screening_section" and error.value.values["found"] == "C2"


def test_streets_and_inlets_of_swmm_5_2_run_and_are_said() -> None:
    inp = (
        (
            MODEL.replace("J3 20.6 2.8 0 0 0", "J3 20.6 2.8 0 0 0\nS1 24.4 0.5 0 0 0")
            .replace("O1 18.0 FREE NO", "O1 18.0 FREE NO\nSO 23.5 FREE NO")
            .replace("C3 J3 O1 250 0.013 0 0", "C3 J3 O1 250 0.013 0 0\nST1 S1 SO 450 0.016 0 0")
            .replace("C3 CIRCULAR 0.8 0 0 0 1", "C3 CIRCULAR 0.8 0 0 0 1\nST1 STREET Half")
            .replace("O1 500955 3380505", "O1 500955 3380505\nS1 500305 3380515\nSO 500955 3380515")
        )
        + "[STREETS]\nHalf 6 0.15 4 0.016 0 0 1 3 2 0.016\n[INLETS]\nG GRATE 0.75 0.45 P_BAR-50\n[INLET_USAGE]\nST1 G J2 4 0 0 0 0 ON_GRADE\n"
    )
    refuse_model(inp, START, 600.0, 5.0)
    assert drains_of(inp, "EPSG:4547", "x").links["shape"].tolist()[-1] == "STREET"
    assert model_notes(inp) == [("drain_streets", {"count": 1})]


@pytest.mark.parametrize("name", ["C1", "管道_1743434034996"])
def test_a_refusal_of_the_engine_names_the_thing(name: str) -> None:
    inp = MODEL.replace("C1 ", f"{name} ").replace(f"{name} CIRCULAR 0.5 0 0 0 1\n", "")
    for _ in range(2):  # and leaves the engine fit for the next
        with pytest.raises(SourceError) as error:
            refuse_model(inp, START, 600.0, 5.0)
        assert error.value.code == "swmm_refused" and name in str(error.value) and "%s" not in str(error.value)
    refuse_model(MODEL, START, 600.0, 5.0)


@pytest.mark.parametrize("exchange_s", [1.5, 2.5])
def test_an_exchange_step_the_engine_cannot_keep_is_refused(exchange_s: float) -> None:
    with pytest.raises(ScenarioError) as error:
        came_up(MODEL, exchange_s, 60.0)
    assert error.value.code == "exchange_whole"
    assert came_up(MODEL, 2.0, 300.0) == pytest.approx(came_up(MODEL, 3.0, 300.0), rel=0.05)


@pytest.mark.parametrize(
    ("encoding", "ok"), [("utf-8", True), ("utf-8-sig", True), ("gb18030", True), ("utf-16", True)]
)
def test_names_are_read_in_the_encodings_of_windows(encoding: str, ok: bool, tmp_path: Path) -> None:
    path = tmp_path / "d.inp"
    path.write_bytes(MODEL.replace("J2", "雨水井2").replace("\n", "\r\n").encode(encoding))
    drains = read_drains(path, "EPSG:4547")
    assert drains.nodes["id"].tolist() == ["J1", "雨水井2", "J3", "O1"]
    refuse_model(drains.inp, START, 600.0, 5.0)


def test_an_unknown_encoding_is_refused_unless_it_only_comments() -> None:
    assert decode(MODEL.encode() + b";90\xb0 \xff\n").startswith("[OPTIONS]")
    with pytest.raises(SourceError) as error:
        decode(MODEL.replace("J2", "J\xff").encode("latin-1") + b"\xb0 ")
    assert error.value.code == "text_encoding"


FEET = 0.3048006096  # the US survey foot of EPSG:2249


@pytest.mark.parametrize("units", ["CMS", "CFS"])
def test_lengths_are_the_files_own_whatever_its_crs(units: str) -> None:
    """EPSG:2249 counts feet and EPSG:26986 metres of one projection; 200 m stay 200 m."""
    foot = 0.3048 if units == "CFS" else 1.0
    x = {"J1": 775277.321, "J2": 775933.488, "J3": 776589.654, "O1": 777409.863}
    inp = MODEL.replace("FLOW_UNITS CMS", f"FLOW_UNITS {units}")
    for name, old, metres in (("C1 J1 J2", "200", 200.0), ("C2 J2 J3", "200", 200.0), ("C3 J3 O1", "250", 250.0)):
        inp = inp.replace(f"{name} {old}", f"{name} {metres / foot:.4f}")
    for node, at in x.items():
        inp = inp.replace(
            f"{node} {500305 + {'J1': 0, 'J2': 200, 'J3': 400, 'O1': 650}[node]} 3380505", f"{node} {at} 2954406.821"
        )
    moved, factor = reproject(inp, "EPSG:2249", "EPSG:26986")
    drains = drains_of(moved, "EPSG:26986", "x")
    assert factor == 1.0 and drains.links["length_m"].tolist() == pytest.approx([200.0, 200.0, 250.0], abs=1e-3)
    assert drains.links.length.tolist() == pytest.approx([200.0, 200.0, 250.0], abs=0.01)


def test_lengths_on_web_mercator_shrink_only_where_they_were_measured_on_it() -> None:
    on_map, _ = reproject(MODEL, "EPSG:4547", "EPSG:3857")
    true, factor = reproject(on_map, "EPSG:3857", "EPSG:4547")
    assert factor == 1.0 and drains_of(true, "EPSG:4547", "x").links["length_m"].tolist() == [200.0, 200.0, 250.0]


@pytest.mark.parametrize("units", ["CMS", "CFS"])
def test_what_overflows_at_a_storage_unit_comes_up_on_the_street(units: str) -> None:
    """A wet well of 10 m2 takes 0.5 m3/s, twice what leaves it: all that the engine loses there lies on the ground."""
    foot = 0.3048 if units == "CFS" else 1.0
    inp = f"""[OPTIONS]
FLOW_UNITS {units}
FLOW_ROUTING DYNWAVE
ROUTING_STEP 5
[JUNCTIONS]
J1 {20.0 / foot} {3.0 / foot}
[STORAGE]
W {21.0 / foot} {2.0 / foot} 0 FUNCTIONAL 0 0 {10.0 / foot**2} 0 0
[OUTFALLS]
O1 {18.0 / foot} FREE NO
[CONDUITS]
C1 W J1 {100.0 / foot} 0.013 0 0
C2 J1 O1 {100.0 / foot} 0.013 0 0
[XSECTIONS]
C1 CIRCULAR {0.3 / foot} 0 0 0
C2 CIRCULAR {0.6 / foot} 0 0 0
[INFLOWS]
W FLOW "" FLOW 1.0 1.0 {0.5 / foot**3}
"""
    zero, h = np.zeros(1, np.int64), np.zeros((1, 2), np.float32)
    coupling = Coupling(inp, Manholes(["J1"], zero, zero, np.array([23.0])), start=START, duration_s=1800.0, exchange_s=5.0,
                        cell_area_m2=1e4)  # fmt: skip
    spills = Spills(["W"], zero, zero + 1, 1e4)
    with coupling as drains:
        spills.begin(drains.engine)
        for _ in range(360):
            drains.step(h, np.full((1, 2), 23.0))
            spills.give(drains.engine, h)
        drains.finish()
    assert spills.volume[0] > 400.0 and spills.volume[0] == pytest.approx(drains.account["flooding_m3"], rel=2e-3)
    assert float(h[0, 1]) * 1e4 == pytest.approx(spills.volume[0], rel=1e-6) and h[0, 0] == 0.0


def test_reverse_slopes_are_found_because_the_engine_bears_them(small_city) -> None:
    import dataclasses

    inp = MODEL.replace("J2 21.2", "J2 22.2").replace("DYNWAVE", "KINWAVE")
    refuse_model(inp, START, 600.0, 5.0)
    found = {
        f.code: f
        for f in check_drains(
            small_city, dataclasses.replace(small_city.drains, **vars(drains_of(inp, "EPSG:4547", "x")))
        )
    }
    assert found["reverse_slope"].place == "C1"
