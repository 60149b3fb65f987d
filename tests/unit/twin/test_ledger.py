"""The table of where the water went: it adds up as printed, for any balance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.bridge.ledger import whole_ledger
from twin.hazard import Balance

VOLUME = st.integers(0, 10**10).map(lambda litres: litres / 1000)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def of(rows: list[dict], side: str, *, summed: bool = False) -> dict[str, str]:
    return {r["word"].rpartition(".")[2]: r["amount"] for r in rows if r["side"] == side and r["sum"] == summed}


def test_surface_and_drains_are_one_and_the_river_is_net() -> None:
    """100 m3 of rain and 50 net from the river: 40 leave by outfalls, 20 fill pipes, 89 stand on the surface, 1 is lost track of."""
    remarks = {"inflow_m3": 70, "handed_in_m3": 70, "outflow_m3": 50, "handed_out_m3": 10, "flooding_m3": 0}
    remarks |= {"initial_storage_m3": 5, "final_storage_m3": 25}
    balance = Balance(
        "m3",
        {"rain": 100.0, "river": 80.0, "surcharge": 10.0},
        {"inlets": 50.0, "roofs_to_drains": 20.0, "river": 30.0},
        {"surface": 89.0},
        0.1,
        {f"swmm_{k}": float(v) for k, v in remarks.items()},
    )
    rows = whole_ledger(balance.as_dict())
    assert of(rows, "in") == {"rain": "100.0", "river": "50.0"} and of(rows, "in", summed=True) == {"in": "150.0"}
    assert of(rows, "out") == {"outfalls": "40.0"} and of(rows, "stored") == {"surface": "89.0", "pipes": "20.0"}
    assert of(rows, "unexplained", summed=True) == {"unexplained": "1.0"}
    assert next(r["gross"] for r in rows if r["word"] == "ledger.river") == ("80.0", "30.0")


def test_a_river_that_takes_more_than_it_gives_is_a_way_out() -> None:
    rows = whole_ledger(Balance("m3", {"rain": 9.0, "river": 1.0}, {"river": 4.0}, {"surface": 6.0}, 0.1).as_dict())
    assert of(rows, "in") == {"rain": "9.000"} and of(rows, "out") == {"river": "3.000"}


@given(st.lists(VOLUME, min_size=3, max_size=3), st.lists(VOLUME, min_size=3, max_size=3), st.floats(-1e6, 1e6))
def test_it_adds_up_as_printed_and_no_figure_is_off_by_more_than_a_digit(
    came: list[float], went: list[float], stored: float
) -> None:
    names = ("rain", "river", "inflow"), ("river", "edge", "pumps")
    balance = Balance(
        "m3",
        dict(zip(names[0], came, strict=True)),
        dict(zip(names[1], went, strict=True)),
        {"surface": stored},
        1.0,
    )
    rows = whole_ledger(balance.as_dict())
    sums = {r["side"]: number(r["amount"]) for r in rows if r["sum"]}
    total = sums.get("in", 0.0)
    assert total == pytest.approx(sums.get("out", 0.0) + sums.get("stored", 0.0) + sums["unexplained"], abs=1e-6)
    for side, summed in sums.items():
        parts = [number(r["amount"]) for r in rows if r["side"] == side and not r["sum"]]
        assert side == "unexplained" or sum(parts) == pytest.approx(summed, abs=1e-6)
    exact = {"rain": came[0], "inflow": came[2], "edge": went[1], "pumps": went[2], "surface": stored}
    for r in rows:
        name = r["word"].rpartition(".")[2]
        digit = 10.0 ** -(len(r["amount"].partition(".")[2]))
        assert r["sum"] or name == "river" or number(r["amount"]) == pytest.approx(exact[name], abs=digit * 1.001)


def test_a_balance_of_nothing_gives_a_table_of_nothing() -> None:
    rows = whole_ledger(Balance("kg", {"source": 0.0}, {}, {}, 1e-9).as_dict())
    assert [(r["amount"], r["share"]) for r in rows if r["side"] == "unexplained"] == [("0.0", "0.0")]
