"""The ledger as a table: it adds up as printed, for any balance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.blocks import Table
from twin.bridge.ledger import ledger
from twin.hazard import Balance

VOLUME = st.integers(0, 10**10).map(lambda litres: litres / 1000)


def number(text: str) -> float:
    return float(text.replace(",", ""))


def read(table: Table) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return the printed amounts of each side by name, and each side's sum."""
    sides, sums, begun = {}, {}, 0
    for end in table.sums:
        side = table.rows[end][0].key.rpartition(".")[2]
        names = [said.values["what"] if said.values else said for said, _, _ in table.rows[begun:end]]
        amounts = [amount for _, amount, _ in table.rows[begun:end]]
        sides[side] = {name.key.rpartition(".")[2]: amount for name, amount in zip(names, amounts, strict=True)}
        sums[side], begun = table.rows[end][1], end + 1
    return sides, sums


def test_a_name_on_both_sides_is_net_and_its_gross_amounts_are_told() -> None:
    balance = Balance("m3", {"rain": 100.0, "river": 80.0}, {"river": 30.0, "pumps": 60.0}, {"surface": 89.0}, 0.1)
    table = ledger("x", balance.as_dict())
    sides, sums = read(table)
    assert sides["in"] == {"rain": "100.0", "river": "50.0"} and sums["in"] == "150.0"
    assert sides["out"] == {"pumps": "60.0"} and sides["stored"] == {"surface": "89.0"}
    assert sums["unexplained"] == "1.0"
    river = table.rows[1][0]
    assert (river.values["into"], river.values["out"]) == ("80.0", "30.0")
    assert river.values["what"].key == "ledger.x.river", "the words are the hazard's own"


def test_a_river_that_takes_more_than_it_gives_is_a_way_out() -> None:
    sides, _ = read(
        ledger("x", Balance("m3", {"rain": 9.0, "river": 1.0}, {"river": 4.0}, {"surface": 6.0}, 0.1).as_dict())
    )
    assert sides["in"] == {"rain": "9.000"} and sides["out"] == {"river": "3.000"}


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
    sides, printed = read(ledger("x", balance.as_dict()))
    sums = {side: number(amount) for side, amount in printed.items()}
    total = sums.get("in", 0.0)
    assert total == pytest.approx(sums.get("out", 0.0) + sums.get("stored", 0.0) + sums["unexplained"], abs=1e-6)
    exact = {"rain": came[0], "inflow": came[2], "edge": went[1], "pumps": went[2], "surface": stored}
    for side, summed in sums.items():
        parts = {name: number(amount) for name, amount in sides[side].items()}
        assert side == "unexplained" or sum(parts.values()) == pytest.approx(summed, abs=1e-6)
        for name, amount in parts.items():
            digit = 10.0 ** -(len(sides[side][name].partition(".")[2]))
            assert name == "river" or amount == pytest.approx(exact[name], abs=digit * 1.001)


def test_a_balance_of_nothing_gives_a_table_of_nothing() -> None:
    table = ledger("x", Balance("kg", {"source": 0.0}, {}, {}, 1e-9).as_dict())
    assert table.heads[1] == "kg" and table.rows[-1][1:] == ("0.0", "0.0")
