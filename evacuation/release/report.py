"""What only the release can say in report and panel: which tank leaks, where the substance is, and stay or leave block by block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from evacuation.release.ahead import AHEAD_MIN
from evacuation.release.burning_ways import burning_ways, first_burning_ways
from evacuation.release.history import LONGEST_FRAME_S
from evacuation.release.members import ALL_ROUND, POSSIBLE
from twin.blocks import Block, Cell, Curve, Mark, Section, Table, Text
from twin.city import City
from twin.clock import Clock
from twin.phrases import compass
from twin.words import LANGS, Phrase, Word

#: What a block is told -> how it stands out.
STYLE = {"leave": "alarm", "stay": "strong", "unknown": "strong", "air": "strong"}

#: What a source is called that only the detectors tell of.
SOUGHT = Word("report.release.sought")

#: Why nothing is known of a block that is given no advice.
UNKNOWN = ("calm", "one_wind", "off_grid")

#: Lower bounds of severity with the colour that a block has there, the worst first.
GRADES = ((3.0, "red"), (2.0, "orange"), (1.0, "yellow"))

#: What these levels are called, of a gas that is judged by where it burns and of any other.
GRADE_NAMES = {True: ("LFL/2", "0.3 LFL", "LFL/10"), False: ("AEGL-3", "AEGL-2", "AEGL-1")}

#: Where people are, as the table of the danger ahead has it.
SIDES = ("outdoors", "indoors")

#: The run is looked at within so many minutes after people are warned: the longest frame.
LOOKED_MIN = LONGEST_FRAME_S / 60.0

#: Blocks that the headline tells of the danger now and later.
MOST_AHEAD = 6

#: Levels whose zones the headline tells, and what they are called there.
GRAVEST = {"AEGL-3": "zone_life", "LFL/2": "zone_burns"}

#: What reaches over fewer cells than these is not told apart by them: assumed.
FEW_CELLS = 4

#: Winds that the headline names, the first first; kilograms beyond the city from which it says so.
MOST_WINDS, LEAST_KG = 3, 1.0


def blocks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the release's own blocks."""
    return [
        *_tanks(section, city, clock),
        *_suspects(section, city),
        *_masses(section),
        *_ahead(section, city, clock),
        *_advice(section, city, clock),
        *burning_ways(section, city, clock),
        *_zones(section),
    ]


def headline(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return what leaks where, into which wind, how the headline's places are to be taken, and how much has left the city."""
    tanks, wind, about = section.tables["tanks"], section.tables["wind"], section.tables["assumed"].iloc[0]
    if not len(tanks):
        return [Text(Word("note.release.no_leak"))]
    found: list[Block] = [_kept(row, city, clock) for row in tanks.to_dict("records") if row["held"]]
    found += [
        Text(
            Word(
                "report.release.leaks",
                {
                    "substance": {lang: row[f"substance_{lang}"] for lang in LANGS},
                    "tank": SOUGHT if row["cause"] == "detectors" else city.place_name(row["id"]),
                    "time": _told(row["began_s"], city, clock),
                    "out": f"{row['out_kg']:,.0f}",
                    "winds": [_blows(w, city, clock) for w in wind.head(MOST_WINDS).to_dict("records")],
                },
            ),
            "strong",
        )
        for row in tanks.to_dict("records")
        if not row["held"]
    ]
    found += [*_ranges(section.tables), *_reaches(section), *first_burning_ways(section, city, clock)]
    found += _ahead(section, city, clock, MOST_AHEAD)
    if about["calm"]:
        few = Word("note.release.calm_few", {"least": ALL_ROUND})
        found.append(Text(few if about["members"] < ALL_ROUND else Word("report.release.calm"), "alarm"))
    found.append(Text(Word("report.release.mean_wind" if about["members"] else "note.release.one_wind"), "note"))
    if about["over_edge_kg"] >= LEAST_KG:
        said = {"kg": f"{about['over_edge_kg']:,.0f}", "far": f"{about['out_of_sight_kg']:,.0f}"}
        found.append(Text(Word("note.release.over_edge", said), "alarm"))
    return found


def _ahead(section: Section, city: City, clock: Clock, most: int | None = None) -> list[Block]:
    """Return where it is dangerous now and later, outdoors and indoors: the blocks met, the worst now first, `most` of them."""
    table, about, tanks = section.tables["ahead"], section.tables["assumed"].iloc[0], section.tables["tanks"]
    if not len(table):
        leaks = tanks["held"].eq("").any() and len(city.blocks)
        return [Text(Word("report.release.ahead_never"), "alarm")] if leaks else []
    now = table["at_s"].iloc[0]
    minutes = (now - tanks["began_s"].min()) / 60.0
    kind = "read" if "fit" in section.tables else "warned" if minutes <= about["known_min"] + LOOKED_MIN else "begins"
    since = Word(f"report.release.ahead_since_{kind}", {"minutes": f"{minutes:.0f}"})
    said = Word("report.release.ahead", {"now": _told(now, city, clock), "since": since, "later": AHEAD_MIN[1]})
    found: list[Block] = [Text(said, "strong" if most else "title")]
    moments = {name: own.set_index("id") for name, own in table.groupby("moment", sort=False)}
    if pd.isna(moments["later"]["at_s"].iloc[0]):
        found.append(Text(Word("report.release.ahead_ends", {"minutes": AHEAD_MIN[1]}), "alarm"))
        del moments["later"]
    worst = pd.DataFrame({name: own["outdoors"].fillna(np.inf) for name, own in moments.items()})
    likely = pd.DataFrame({name: own["outdoors_aegl2"] for name, own in moments.items()})
    met = worst[(worst >= 1.0).any(axis=1) | (likely >= POSSIBLE).any(axis=1)]
    order = met.reset_index().sort_values([*moments, "id"], ascending=[*(False for _ in moments), True])["id"].tolist()
    if not order:
        alone: list[Block] = [] if about["members"] else [Text(Word("report.release.ahead_one"), "alarm")]
        return [*found, Text(Word("report.release.no_advice")), *alone]
    heads, sides = [Word("report.release.block")], [(where, name) for where in SIDES for name in moments]
    for where, name in sides:
        at = moments[name]["at_s"].iloc[0]
        when = Word("report.release.ahead_run") if name == "run" else _told(at, city, clock)
        heads.append(Word(f"report.release.ahead_{where}", {"when": when}))
    rows: list[tuple[Cell, ...]] = [
        (city.place_name(i), *(_graded(moments[name].loc[i], where, about["burns"]) for where, name in sides))
        for i in order[:most]
    ]
    found.append(Table(tuple(heads), tuple(rows)))
    if len(order) > len(rows):
        found.append(Text(Word("report.release.ahead_more", {"count": len(order) - len(rows)}), "note"))
    _, two, three = GRADE_NAMES[about["burns"]][::-1]
    brackets = Word("report.release.ahead_brackets", {"two": two, "three": three})
    found.append(Text(brackets, "note") if about["members"] else Text(Word("report.release.ahead_one"), "alarm"))
    return found if most else [*found, Text(Word("report.release.ahead_how"), "note")]


def _graded(row: pd.Series, where: str, burns: bool) -> Cell:
    """Return the level of a block at a moment with the shares of members that bring it to the second and the third."""
    if pd.isna(severity := row[where]):
        return Text(Word("report.release.choice.unknown"), "alarm")
    level = next((k for k, (least, _) in enumerate(GRADES) if severity >= least), None)
    name = "–" if level is None else GRADE_NAMES[burns][level]
    shares = [row[f"{where}_{code}"] for code in ("aegl2", "aegl3")]
    if pd.notna(shares[0]) and (level is not None or max(shares) > 0.0):
        name += f" ({' / '.join(f'{100 * share:.0f}' for share in shares)} %)"
    return name if level is None else Text(name, GRADES[level][1])


def _kept(row: Mapping[str, Any], city: City, clock: Clock) -> Text:
    """Return of a tank of which a measure holds everything back which one it is, and from when it would leak."""
    said = {
        "tank": SOUGHT if row["cause"] == "detectors" else city.place_name(row["id"]),
        "time": _told(row["began_s"], city, clock),
        "measure": Word(f"note.release.held.{row['held']}"),
    }
    return Text(Word("report.release.held", said), "alarm")


def _ranges(tables: Mapping[str, pd.DataFrame]) -> list[Block]:
    """Return how well a source is known that only the detectors tell of, and what speaks against it; nothing for one that is known."""
    if "fit" not in tables:
        return []
    rows, fit, found = tables["tanks"], tables["fit"].iloc[0], list[Block]()
    for out_kg, (_, own) in zip(rows["out_kg"], tables["source"].groupby("number"), strict=True):
        low, middle, high = own.sort_values("share")["rate"]
        said = {"radius": math.ceil(own["radius_m"].iloc[0]), "low": low, "middle": middle, "high": high}
        said |= {name: f"{out_kg * rate / middle:,.0f}" for name, rate in (("least", low), ("most", high))}
        found.append(Text(Word("report.release.ranges", said), "strong"))
    if fit["poor"]:
        found.append(Text(Word("note.release.search_poor", {"share": float(fit["within_two"])}), "alarm"))
    if fit["guessed"]:
        found.append(Text(Word("note.release.search_guessed"), "alarm"))
    if fit["silent"]:
        found.append(Text(Word("note.release.detectors_silent", {"sensors": fit["silent"]}), "note"))
    return found


def _blows(row: Mapping[str, Any], city: City, clock: Clock) -> Word:
    """Return a wind with the time from which it blows, or a calm with that from which it lasts."""
    if pd.isna(row["from_deg"]):
        return Word("report.release.calm_from", {"time": clock.told(row["time"], city.tz)})
    said = {
        "time": clock.told(row["time"], city.tz),
        "speed": f"{row['speed_m_s']:.1f}",
        "from": compass(row["from_deg"]),
    }
    return Word("report.release.blows", said | {"deg": f"{row['from_deg']:.0f}"})


def marks(section: Section, city: City) -> list[Mark]:
    """Return the sources that leak, each with where the wind blows at first, unless it is calm then."""
    tanks, wind = section.tables["tanks"].query("held == ''"), section.tables["wind"]
    known = len(wind) and pd.notna(wind["from_deg"].iloc[0])
    toward = (float(wind["from_deg"].iloc[0]) + 180.0) % 360.0 if known else None
    return [
        Mark(row["x"], row["y"], SOUGHT if row["cause"] == "detectors" else city.place_name(row["id"]), toward)
        for row in tanks.to_dict("records")
    ]


def _tanks(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return a sentence per tank that leaks."""
    held: list[Block] = [_kept(row, city, clock) for row in section.tables["tanks"].to_dict("records") if row["held"]]
    return held + [
        Text(
            Word(
                "report.release.found" if row["cause"] == "detectors" else "report.release.tank",
                {
                    "tank": SOUGHT if row["cause"] == "detectors" else city.place_name(row["id"]),
                    "time": _told(row["began_s"], city, clock),
                    "cause": Word(f"report.release.cause.{row['cause']}"),
                    "out": f"{row['out_kg']:,.0f}",
                    "left": _left(row["left_kg"]),
                    "rate": row["most_kg_s"],
                },
            )
        )
        for row in section.tables["tanks"].to_dict("records")
        if not row["held"]
    ]


def _left(kg: float) -> Word:
    """Return how much is left in a tank, NaN: not known."""
    known = {} if pd.isna(kg) else {"kg": f"{kg:,.0f}"}
    return Word("report.release.left" if known else "report.release.left_unknown", known)


def _suspects(section: Section, city: City) -> list[Block]:
    """Return the tanks that may be a source that only the detectors tell of."""
    if "suspects" not in section.tables:
        return []
    table = section.tables["suspects"]
    if not len(table):
        return [Text(Word("report.release.no_suspect"))]
    heads = (Word("report.release.suspect"), Word("report.release.suspect_share"))
    rows: list[tuple[Cell, ...]] = [(city.place_name(i), f"{100 * s:.0f} %") for i, s in table.itertuples(index=False)]
    return [Text(Word("report.release.suspects"), "title"), Table(heads, tuple(rows), figures=(1,))]


def _masses(section: Section) -> list[Block]:
    """Return what left the tanks, is in the air and lies in pools, in time."""
    table = section.tables["mass"].set_index("time")[["out_kg", "air_kg", "pool_kg"]]
    if not table["out_kg"].any():
        return []
    labels = tuple(Word(f"report.release.mass.{name}") for name in ("out", "air", "pool"))
    return [Curve(Word("report.release.mass"), table, labels, ("#555555", "#d9642c", "#4a7fb5"), "kg")]


def _zones(section: Section) -> list[Block]:
    """Return how much ground the wind members bring to each level, and how far, by how likely that is."""
    table = section.tables.get("zones")
    if table is None or not (table["area_m2"] > 0.0).any():
        return []
    likely = sorted(table["likely"].unique())
    heads = (
        Word("report.release.zone"),
        *(Word("report.release.zone_likely", {"percent": round(100 * share)}) for share in likely),
    )
    rows: list[tuple[Cell, ...]] = []
    for level, own in table.groupby("level", sort=False):
        own = own.set_index("likely")
        rows.append((str(level), *(_zone(own.loc[share]) for share in likely)))
    return [
        Text(Word("report.release.zones"), "title"),
        Table(heads, tuple(rows), figures=tuple(range(1, len(heads)))),
        Text(Word("report.release.zones_how"), "note"),
    ]


def _reaches(section: Section) -> list[Block]:
    """Return how far there may be danger to life or fire, by how likely that is; nothing where no zone is told or none is reached."""
    if (table := section.tables.get("zones")) is None:
        return []
    found: list[Block] = []
    for level, name in GRAVEST.items():
        own = table[table["level"] == level].set_index("likely")
        if len(own) and (own["area_m2"] > 0.0).any():
            values = {
                "level": Word(f"report.release.{name}"),
                "half": _zone(own.loc[0.5]),
                "tenth": _zone(own.loc[0.1]),
            }
            found.append(Text(Word("report.release.reaches", values), "strong"))
            if float(own["reach_m"].max()) < FEW_CELLS * (cell := abs(float(np.diff(section.fields["x"][:2])[0]))):
                coarse = Text(Word("report.release.coarse", {"cell": cell}), "alarm")
                found = [*(block for block in found if block != coarse), coarse]  # once, behind the last
    return found


def _zone(row: pd.Series) -> Cell:
    if row["area_m2"] <= 0.0:
        return Word("report.release.zone_none")
    reach = "–" if pd.isna(row["reach_m"]) else f"{10 * math.ceil(row['reach_m'] / 10.0):,}"
    word = "report.release.zone_rim" if row["at_rim"] else "report.release.zone_area"
    return Word(word, {"area": f"{row['area_m2'] / 1e6:.2g}", "reach": reach})


def _advice(section: Section, city: City, clock: Clock) -> list[Block]:
    """Return the table of advice, the blocks and venues that must leave first, then by dose; those without any are left out."""
    table = pd.concat(
        [part for name in ("advice", "venues") if len(part := section.tables[name])] or [section.tables["advice"]]
    )
    table = table[(table["advice"] != "none") | table["reason"].isin((*UNKNOWN, "gone"))]
    title = Text(Word("report.release.advice"), "title")
    if not len(table):
        return [title, Text(Word("report.release.no_advice"))]
    stay = (table["advice"] == "stay") | (table["reason"] == "gone")
    burns, stays, leaves = (bool(found.any()) for found in (table["burns"], stay, table["advice"] == "leave"))
    table = table.assign(order=table["advice"].map({"leave": 0, "stay": 1, "none": 2}))
    table = table.sort_values(["order", "lfl_share", "dose_outdoors", "id"], ascending=[True, False, False, True])
    rows: list[tuple[Cell, ...]] = [
        (
            city.place_name(row["id"]),
            _choice(row),
            *((_told(row["by_s"] if row["advice"] == "stay" else np.nan, city, clock),) if stays else ()),
            *((_told(row["by_s"] if row["advice"] == "leave" else np.nan, city, clock),) if leaves else ()),
            *((_told(row["until_s"] if row["advice"] != "leave" else np.nan, city, clock),) if stays else ()),
            _concerns(row),
            *((f"{row['lfl_share']:.2g}" if pd.notna(row["lfl_share"]) else "–",) if burns else ()),
            _dose(row["dose_outdoors"]),
            f"{_dose(row['dose_stay'])} ({_dose(row['dose_middle'])})",
            _dose(row["dose_leave"]),
            "–" if pd.isna(row["probability"]) else f"{100 * row['probability']:.0f} %",
            Word(f"report.release.reason.{row['reason']}"),
        )
        for row in table.to_dict("records")
    ]
    known = {"shut_by": stays, "out_by": leaves, "air_from": stays, "concerns": True, "lfl": burns}
    names = ["place", "choice", *(name for name, there in known.items() if there)]
    first = len(names)
    names += ["out_dose", "stay_dose", "leave_dose", "likely", "reason"]
    heads = tuple(Word(f"report.release.{name}") for name in names)
    figures = (*range(first - burns, first), *range(first, first + 4))
    return [title, Table(heads, tuple(rows), figures=figures), Text(_how(section), "note")]


def _choice(row: Mapping[str, Any]) -> Text:
    """Return what a block is told, who leaves also where to; that nothing is known of it is no leave to do nothing."""
    unknown = row["advice"] == "none" and row["reason"] in UNKNOWN
    choice = "unknown" if unknown else "air" if row["reason"] == "gone" else row["advice"]
    said = Word(f"report.release.choice.{choice}")
    if choice == "leave" and pd.notna(row["walk_deg"]):
        said = Word("report.release.choice.leave_to", {"walk": compass(row["walk_deg"])})
    return Text(said, STYLE.get(choice, "plain"))


def _concerns(row: Mapping[str, Any]) -> Phrase:
    """Return in which part of a block the advice was judged, and which share of its people the cloud meets."""
    if not row["part"] or not row["people_share"] > 0.0:
        return "–"
    share = f"{100 * row['people_share']:.0f} %" if row["people_share"] >= 0.01 else "<1 %"
    return Word("report.release.concerned", {"part": Word(f"report.release.part.{row['part']}"), "share": share})


def _how(section: Section) -> Word:
    """Return how the advice is found, with what is assumed of people."""
    row = section.tables["assumed"].iloc[0]
    known = row["known_min"]
    said = (
        Word("report.release.known_read") if pd.isna(known) else Word("report.release.known_after", {"minutes": known})
    )
    return Word("report.release.advice_how", {"ready": row["ready_min"], "walk": row["walk_m_s"], "known": said})


def _told(seconds: float, city: City, clock: Clock) -> str:
    """Return a moment on the clock in city time; a dash where there is none."""
    return "–" if pd.isna(seconds) else clock.told(clock.times[0] + pd.Timedelta(seconds=seconds), city.tz)


def _dose(value: float) -> str:
    """Return a dose, large ones as whole numbers, small ones with two digits; a dash where it was not worked out."""
    if pd.isna(value):
        return "–"
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}" if value >= 0.001 else "<0.001"
