"""What only the flood can say in report and panel: metro entrances, manholes, drains and how far their own account closes.

The drains' account stands in the remarks of the balance (`swmm_...`, m3), beside the surface's and never inside it; for a
reader the two are told as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from twin.blocks import Block, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.words import Word

#: What passes between the surface and its drains: inside the whole, neither in nor out.
BETWEEN = frozenset({"surcharge", "inlets", "roofs_to_drains"})

MOST_MANHOLES = 5  # the manholes named that gave back most


def whole(balance: Mapping[str, Any]) -> dict[str, Any]:
    """Return the balance of surface and drains together, from the surface's as a run holds it (`Balance.as_dict`).

    The engine books what it gave back at manholes as outflow and what it took there as inflow.
    """
    came, went, stored = (dict(balance[side]) for side in ("in", "out", "stored"))
    own = {k.removeprefix("swmm_"): v for k, v in balance["remarks"].items() if k.startswith("swmm_")}
    if "outflow_m3" in own:
        came, went = ({k: v for k, v in side.items() if k not in BETWEEN} for side in (came, went))
        came["drains_own"] = max(0.0, own["inflow_m3"] - own.get("handed_in_m3", own["inflow_m3"]))
        went["outfalls"] = own["outflow_m3"] - own.get("handed_out_m3", 0.0)
        went["lost"] = own["flooding_m3"]
        stored["pipes"] = own.get("final_storage_m3", 0.0) - own.get("initial_storage_m3", 0.0)
    return {**balance, "in": came, "out": went, "stored": stored}


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the flood's own blocks; `section` holds its balance as the run does."""
    return [*_drains(section.balance), *_manholes(section.tables), *_entrances(section.tables, city, clock)]


def _drains(balance: Mapping[str, Any]) -> list[Block]:
    """Return what passed between surface and drains, how far the drains' account closes and how long the coupling took."""
    remarks, found = balance["remarks"], list[Block]()
    if "swmm_outflow_m3" in remarks:
        passed = {"inlets": balance["out"]["inlets"], "roofs": balance["out"]["roofs_to_drains"]}
        told = {name: f"{volume:,.0f}" for name, volume in (passed | {"back": balance["in"]["surcharge"]}).items()}
        found.append(Text(Word("report.flood.between", told)))
    if remarks.get("swmm_engine_s"):
        percent = f"{100.0 * remarks['swmm_continuity_error']:.3f}"
        seconds = {name: f"{remarks[f'swmm_{name}_s']:.1f}" for name in ("engine", "exchange")}
        found.append(Text(Word("report.flood.engine", {"percent": percent}), "note"))
        found.append(Text(Word("report.flood.coupling_time", seconds), "note"))
    return found


def _manholes(tables: Mapping[str, pd.DataFrame]) -> list[Block]:
    """Return how many manholes gave water back and which gave most."""
    table = tables.get("manholes")
    if table is None or not len(table):
        return []
    giving = table[table["surcharged_m3"] > 0]
    worst = giving.nlargest(MOST_MANHOLES, "surcharged_m3")
    rows = tuple((str(m.id), f"{m.surcharged_m3:,.0f}") for m in worst.itertuples())
    heads = (Word("report.flood.manhole"), Word("report.flood.surcharged"))
    if not rows:
        return [Text(Word("report.flood.none_giving", {"of": len(table)}))]
    said = Word("report.flood.giving", {"count": len(giving), "of": len(table)})
    return [Text(said), Table(heads, rows, figures=(1,))]


def _entrances(tables: Mapping[str, pd.DataFrame], city: City, clock: Clock) -> list[Block]:
    """Return the underground entrances that water enters, the first first; their names come from the city."""
    table = tables.get("entrances")
    wet = None if table is None else table[table["inflow_m3"] > 0].sort_values(["first_s", "id"])
    if wet is None or not len(wet):
        return []
    rows = tuple(
        (
            Text(clock.told(clock.times[0] + pd.Timedelta(seconds=row["first_s"]), city.tz), "strong"),
            city.place_name(row["id"]),
            f"{row['step_m']:.2f}",
            f"{row['inflow_m3']:,.0f}",
            f"{row['peak_m3_s']:.2f}",
        )
        for row in wet.to_dict("records")
    )
    heads = tuple(Word(f"report.flood.{w}") for w in ("water_enters", "entrance", "step", "entered", "peak_flow"))
    return [Text(Word("report.flood.entrances"), "title"), Table(heads, rows, figures=(2, 3, 4))]
