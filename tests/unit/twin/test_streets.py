"""Streets as they are exposed, held against the same rules applied to one road after another."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import xarray as xr

from twin.city import MAIN_CLASSES, City
from twin.exposure import expose
from twin.sheet import Cap, MapLayer, Rule, Sheet

TIMES = pd.date_range("2026-06-20 10:00", periods=3, freq="5min")
LEVEL = Rule("level", "1", "max", 1.0, 2.0, 3.0, 4.0, closes_at="orange")
SHEET = Sheet(
    id="toy",
    model="",
    name={},
    lead="level",
    scales=(),
    rules=dict.fromkeys(("road", "street"), LEVEL),
    rules_version="1",
    rules_source="",
    expiry_hours=1.0,
    tasks=(),
    cap=Cap((), {}, {}),
    lead_layer=MapLayer("now", "level", "", ((1.0, "#fff"),)),
)
SIDE = 7  # crossings along a side of the town


def town(city: City, seed: int) -> City:
    """Return the city with a chequerboard of roads: long streets of one name, some main, some unnamed or under a railway."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(SIDE):
        for along in ("x", "y"):
            name = str(rng.choice(["", f"{along}{k}路", "江滨路", None]))
            main = rng.random() < 0.4
            for n in range(SIDE - 1):
                a, b = ((n, k), (n + 1, k)) if along == "x" else ((k, n), (k, n + 1))
                rows.append((
                    *(f"n{p[0]}-{p[1]}" for p in (a, b)),
                    name if name != "None" else None,
                    f"Road {name}" if rng.random() < 0.9 else "",
                    "primary" if main else "residential",
                    bool(rng.random() < 0.1),
                    shapely.LineString(100.0 * np.array([a, b]) + 500_000.0),
                ))  # fmt: skip
    order = rng.permutation(len(rows))
    table = pd.DataFrame(
        [rows[k] for k in order], columns=["u", "v", "name_zh", "name_en", "road_class", "underpass", "geometry"]
    )
    table = table.assign(id=[f"r{k}" for k in rng.permutation(len(rows))], lanes=2, speed_kmh=40.0, level=0)
    return replace(city, roads=gpd.GeoDataFrame(table, geometry="geometry", crs=city.grid.crs))


def road_by_road(city: City) -> dict[str, tuple[str, str, str, set[str], shapely.Geometry]]:
    """Return name in both languages, kind, roads and lines of each stretch, found by looking at one road after another."""
    roads = city.roads[~city.roads["underpass"]]
    rows = [roads.iloc[k] for k in range(len(roads))]
    name = [row["name_zh"] if isinstance(row["name_zh"], str) else "" for row in rows]
    main = [row["road_class"] in MAIN_CLASSES for row in rows]

    def breaking(k: int, node: str) -> list[int]:
        return [j for j, row in enumerate(rows) if main[j] and node in (row["u"], row["v"]) and name[j] != name[k]]

    def joined(k: int, j: int) -> bool:
        shared = {rows[k]["u"], rows[k]["v"]} & {rows[j]["u"], rows[j]["v"]}
        return name[k] != "" and name[k] == name[j] and any(not breaking(k, node) for node in shared)

    found, left = {}, set(range(len(rows)))
    while left:
        part, open_ = set(), {min(left)}
        while open_:
            k = open_.pop()
            part.add(k)
            open_ |= {j for j in left - part if joined(k, j)}
        left -= part
        first = rows[min(part)]
        zh = name[min(part)] or first["id"]
        en = first["name_en"] or zh
        bounds = sorted({j for k in part for node in (rows[k]["u"], rows[k]["v"]) for j in breaking(k, node)})
        pairs = dict.fromkeys((name[j], rows[j]["name_en"] or name[j]) for j in bounds if name[j])
        ends = list(pairs)[:2]
        if ends:
            zh, en = f"{zh}({'—'.join(e[0] for e in ends)})", f"{en} ({' - '.join(e[1] for e in ends)})"
        kind = "road" if any(main[k] for k in part) else "street"
        ids = {rows[k]["id"] for k in part}
        lines = shapely.union_all([rows[k].geometry for k in sorted(part)])
        found[f"street-{min(ids)}"] = (zh, en, kind, ids, lines)
    return found


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_streets_and_their_values_are_those_of_their_roads(small_city: City, seed: int) -> None:
    city = town(small_city, seed)
    values = np.random.default_rng(seed).uniform(0.0, 5.0, (len(TIMES), len(city.roads)))
    field = xr.Dataset({"level": (("time", "edge"), values)}, {"time": TIMES, "edge": list(city.roads["id"])})
    seen, expected = expose(city, field, SHEET), road_by_road(city)
    places = seen.places.set_index("id")
    assert set(places.index) == set(expected) and len(expected) < len(city.roads), "some roads are joined"
    assert any("(" in zh for zh, *_ in expected.values()), "some streets are named by what bounds them"
    for key, (zh, en, kind, ids, lines) in expected.items():
        place = places.loc[key]
        assert (place["name_zh"], place["name_en"], place["kind"]) == (zh, en, kind)
        assert set(place["roads"].split(",")) == ids and place.geometry.equals_exact(lines)
        worst = values[:, city.roads["id"].isin(ids)].max(axis=1)
        assert seen.series.sel(place=key).values.tolist() == worst.tolist()


def test_another_city_has_its_own_streets(small_city: City) -> None:
    for seed in (1, 2, 1):
        city = town(small_city, seed)
        field = xr.Dataset(
            {"level": (("time", "edge"), np.ones((3, len(city.roads))))},
            {"time": TIMES, "edge": list(city.roads["id"])},
        )
        assert set(expose(city, field, SHEET).places["id"]) == set(road_by_road(city))
