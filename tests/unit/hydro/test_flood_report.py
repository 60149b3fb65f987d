"""What only the flood says: surface and drains as one balance, manholes and entrances in words."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pandas as pd

from hydro import report
from scenarios.case import hazards
from twin.blocks import Section, Table, Text
from twin.clock import Clock
from twin.hazard import Balance
from twin.words import LANGS, written

CLOCK = Clock(datetime(2026, 6, 20, 10, tzinfo=UTC), 3600.0, 300.0)


def balance(**remarks: float) -> dict:
    return Balance(
        "m3",
        {"rain": 100.0, "river": 80.0, "surcharge": 10.0},
        {"inlets": 50.0, "roofs_to_drains": 20.0, "river": 30.0},
        {"surface": 89.0},
        0.1,
        {f"swmm_{name}": value for name, value in remarks.items()},
    ).as_dict()


DRAINED = {
    "inflow_m3": 70.0,
    "handed_in_m3": 70.0,
    "outflow_m3": 50.0,
    "handed_out_m3": 10.0,
    "flooding_m3": 0.0,
    "initial_storage_m3": 5.0,
    "final_storage_m3": 25.0,
    "continuity_error": 0.0005,
    "engine_s": 2.0,
    "exchange_s": 0.5,
}


def said(section: Section, city: object) -> dict[str, str]:
    """Return all that the flood's blocks say, by language."""
    hazards.sheet("flood")
    blocks = report.blocks(section, city, CLOCK)
    texts = [b.said for b in blocks if isinstance(b, Text)]
    cells = [c for b in blocks if isinstance(b, Table) for row in (b.heads, *b.rows) for c in row]
    texts += [c.said if isinstance(c, Text) else c for c in cells]
    return {lang: " | ".join(written(t, lang) for t in texts) for lang in LANGS}


def section(told: dict, **tables: pd.DataFrame) -> Section:
    return SimpleNamespace(balance=told, tables=tables)  # the other fields are not looked at


def test_surface_and_drains_are_one() -> None:
    """100 m3 of rain and 50 net from the river: 40 leave by outfalls, 20 fill pipes, 89 stand on the surface, 1 is lost track of."""
    told = report.whole(balance(**DRAINED))
    assert told["in"] == {"rain": 100.0, "river": 80.0, "drains_own": 0.0}
    assert told["out"] == {"river": 30.0, "outfalls": 40.0, "lost": 0.0}
    assert told["stored"] == {"surface": 89.0, "pipes": 20.0}
    assert told["relative_error"] == balance()["relative_error"], "how far it closes is the surface's own"


def test_without_an_engine_the_balance_is_told_as_it_is(small_city) -> None:
    assert report.whole(balance()) == balance()
    assert report.blocks(section(balance()), small_city, CLOCK) == []


def test_drains_manholes_and_entrances_are_told_in_both_languages(small_city) -> None:
    manholes = pd.DataFrame({"id": ["J1", "J2", "J3"], "surcharged_m3": [0.0, 7.0, 1234.0]})
    entrances = pd.DataFrame(
        {
            "id": ["h1", "s1"],
            "inflow_m3": [12.0, 0.0],
            "first_s": [900.0, -1.0],
            "step_m": [0.3, 0.3],
            "peak_m3_s": [0.25, 0.0],
        }
    )
    told = said(section(balance(**DRAINED), manholes=manholes, entrances=entrances), small_city)
    for words in ("50 went down by inlets", "0.050 %", "2.0 s inside", "2 of 3 manholes", "J3 | 1,234 | J2 | 7"):
        assert words in told["en"]
    assert "18:15 | First Hospital | 0.30 | 12 | 0.25" in told["en"] and "School shelter" not in told["en"]
    assert "18:15 | 一医院" in told["zh"] and "3个检查井中2个" in told["zh"]


def test_dry_manholes_and_entrances_are_not_listed(small_city) -> None:
    manholes = pd.DataFrame({"id": ["J1"], "surcharged_m3": [0.0]})
    assert said(section(balance(), manholes=manholes), small_city)["en"] == "None of 1 manholes gave water back."
