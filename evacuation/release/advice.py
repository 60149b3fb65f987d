"""Stay inside or leave: for each block and venue the dose of both, from the cloud that the model foresees in its mean wind.

Both are judged at one spot of the block: the one whose dose outdoors a twentieth of the block exceeds. Who stays is in a room whose
windows are open until the warning and shut from then on, until the air outdoors stays cleaner than that inside: then it is aired, or
people go out. Who leaves is in that room until a household is ready, walks to the nearest
road and on along the roads, by the way that collects least, round water that is too deep, and waits where it ends. Ways end at the
rim of the city, where the cloud may still be: the end of the grid is never the end of danger.

People are told to leave where who is out of doors by then meets less than AEGL-3, and where staying reaches AEGL-3 or collects more
than twice as much; in a calm nobody is, since no way out is known to be clear. Where both reach AEGL-3 they are told to stay in the
best room and to be fetched. Who is at a venue is judged as one who is at home there: staying is to go into its rooms, or the houses
next to it, with air changes like a home's (assumed; whether these hold everybody is not known). A gas that burns before it harms is
judged by `ignition` first. No way leads through gas that may burn: where every one does, nobody is sent out for the dose, and who
leaves such gas is told so.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from evacuation.release import ignition
from evacuation.release.air_changes import AirChanges
from evacuation.release.ground import cells_of
from evacuation.release.history import History
from evacuation.release.ignition import Burning
from evacuation.release.kernels import loads
from evacuation.release.leaving import Leaving
from evacuation.release.members import POSSIBLE
from evacuation.release.substances import Family
from evacuation.release.toxicity import Curve
from evacuation.release.ways import Water, Ways
from twin.grid import Grid

Array = NDArray[np.float64]

CHOICES = ("none", "stay", "leave")

#: The share of a block's cells that meet more than the spot at which it is judged.
SHARE = 0.05
#: Below this dose indoors (1 is AEGL-3) nobody need leave: assumed.
ENOUGH = 0.1
#: Leaving must at least halve a dose that is below AEGL-3: assumed, for what the model cannot see (traffic, panic, another wind).
GAIN = 0.5
#: A spot nearer to the middle of its block than this share of the side of a square as large lies in its middle.
MIDDLE = 0.25
#: The eight parts of a block round its middle, clockwise.
PARTS = ("north", "north_east", "east", "south_east", "south", "south_west", "west", "north_west")

COLUMNS = [
    "id", "advice", "reason", "dose_outdoors", "dose_stay", "dose_shut", "dose_leave", "dose_middle", "people_share", "part", "severity",
    "lfl_share", "probability", "arrives_s", "by_s", "lead_s", "until_s", "known_s", "walk_deg", "walk_m", "in_gas_s", "way_clear",
    "off_grid", "rescue", "burns", "possible", "toxic_load", "response",
]  # fmt: skip


@dataclass(frozen=True)
class People:
    """What is assumed of people.

    When they are warned, s since the first run's start; how long a household then needs until it is out of doors, s; how fast it
    walks, m s-1.
    """

    warned_s: float
    ready_s: float
    walk_m_s: float


@dataclass(frozen=True)
class Indoors:
    """Rooms at the cells that the cloud met: `dose` (y, x) at the end; `cells` (cell,) flat indices, `air` (time, cell) after
    each frame, `load` (time + 1, cell) at the beginning of each.
    """

    dose: Array
    cells: NDArray[np.int64]
    air: Array
    load: Array

    def means(self, dt: float) -> Array:
        """Return the mean concentration within each frame of `dt` s (time, cell), straight between its ends."""
        before = np.concatenate([np.zeros((1, len(self.cells))), self.air[:-1]])
        return 0.5 * (before + self.air)

    def load_at(self, spot: int) -> Array:
        """Return the load of a room at a flat index; nothing where the cloud never was."""
        k = int(np.searchsorted(self.cells, spot))
        if k < len(self.cells) and self.cells[k] == spot:
            return self.load[:, k]
        return np.zeros(len(self.load))

    def loads(self, frame: int, cells: NDArray[np.int64]) -> Array:
        """Return the load of rooms at flat indices at the beginning of a frame; nothing where the cloud never was."""
        k = np.minimum(np.searchsorted(self.cells, cells), max(len(self.cells) - 1, 0))
        return np.where(self.cells[k] == cells, self.load[frame, k], 0.0) if len(self.cells) else np.zeros(len(cells))


def indoors(history: History, curve: Curve, warned_s: float, changes: AirChanges) -> Indoors:
    """Return the air and the dose of rooms at every cell that the cloud met; windows are shut from the first frame after the warning."""
    rows, cols = history.frames.shape[1:]
    frames = history.frames[: history.count].reshape(history.count, -1)
    met = np.flatnonzero(frames.any(axis=0)) if history.count else np.zeros(0, np.int64)
    load, inside = np.zeros((history.count + 1, len(met))), np.zeros((history.count, len(met)))
    row = changes.rows(history.count, _frame(warned_s, history))
    fade, kept = changes.fading(history.frame_s)
    loads.indoor_load(
        load, inside, frames, met, history.frame_s, changes.house.ravel()[met], row, fade, kept,
        curve.log_t, curve.log_c, curve.n_short, curve.n_long,
    )  # fmt: skip
    whole = np.zeros(rows * cols)
    whole[met] = load[-1]
    return Indoors(whole.reshape(rows, cols), met, inside, load)


@dataclass(frozen=True)
class Foreseen:
    """What the run foresees, for the advice.

    `probability` (y, x): share of wind members that reach AEGL-2 (NaN without members); `residents` (y, x): people at home, or
    ones where the city counts none; `noticed`: concentration (kg m-3) at which the cloud has arrived; `ppm_kg_m3`: kg m-3 of one
    ppm; `burning`: None for a gas that does not burn; `elapsed`: s from the first run's start to this one's; `calm`: the gas
    met a calm, so that nobody knows which way out is clear; `came` (y, x): when gas has come in a share POSSIBLE of the wind members,
    s since the first run's start (None: no members); `clears` (y, x): from when on it is cleaner outdoors than in rooms in all but that
    share of them (0: no members).
    """

    history: History
    curve: Curve
    rooms: Indoors
    probability: Array
    residents: Array
    noticed: float
    family: Family | None
    ppm_kg_m3: float
    burning: Burning | None
    elapsed: float
    calm: bool = False
    came: Array | None = None
    clears: Array | None = None


def advise(
    places: gpd.GeoDataFrame,
    grid: Grid,
    people: People,
    seen: Foreseen,
    ways: Ways | None,
    water: Water | None,
    in_streets: Array | None = None,
) -> pd.DataFrame:
    """Return the table of advice, a row per place (`advised`), told as blocks here; times in s on this run's clock.

    `ways`, `water`: the roads on foot and the water on them (None: the city has no roads); `in_streets` (frame, road): dose rate in
    the streets, s-1, where the street form followed them. Of a block: the doses at the spot where
    it is judged (1 is AEGL-3; `dose_shut` of a room that is never aired), `dose_middle` of staying that half of its people exceed,
    `people_share` of them who meet AEGL-1 or
    more outdoors, and in which `part` of it the spot lies; `by_s` until when windows are shut or who leaves is out of doors;
    `lead_s` how long before that who leaves must be told; `in_gas_s` the time on the way out that leads through gas that may burn, at
    least (NaN: no way known), `way_clear` that it is none.
    """
    if not len(places):
        return pd.DataFrame(columns=COLUMNS)
    history = seen.history
    dt, n = history.frame_s, history.count
    rate = np.zeros_like(history.frames[:n], dtype=np.float64)
    loads.add_load(
        rate, history.frames[:n], 1.0, seen.curve.log_t, seen.curve.log_c, seen.curve.n_short, seen.curve.n_long
    )
    outdoors = rate.sum(axis=0) * dt
    warned, out = _frame(people.warned_s, history), _frame(people.warned_s + people.ready_s, history)
    ground = cells_of(places, grid)
    spots = _spots(ground, outdoors)
    met = [s is not None and np.isfinite(people.warned_s) and history.worst.flat[s] >= 1.0 for s in spots]
    judged = seen.burning if seen.burning and seen.burning.leads else None
    starts = [s for s, m in zip(spots, met, strict=True) if s is not None and m]
    rims = [judged.beside(cells, min(out, n - 1)) if judged and len(cells) else None for cells in ground]
    starts += [rim for rim in rims if rim is not None]
    leaving = Leaving(
        grid, rate, dt, warned, people.walk_m_s, ways, water, in_streets, list(dict.fromkeys(starts)),
        seen.burning.reaches(ignition.POCKETS) if seen.burning else None,
    )  # fmt: skip
    rows = []
    for shape, block, cells, spot, is_met, rim in zip(
        places.geometry, places["id"], ground, spots, met, rims, strict=True
    ):
        if spot is None:
            rows.append(_row(block, "none", "off_grid", off_grid=True))
            continue
        likely = float(np.quantile(seen.probability.ravel()[cells], 1.0 - SHARE))
        likely = max(likely, float(judged.probability.ravel()[cells].max())) if judged else likely
        here = grid.centre(*divmod(spot, grid.nx))
        found: dict[str, object] = {
            "dose_outdoors": float(outdoors.flat[spot]),
            "dose_stay": float(seen.rooms.dose.flat[spot]),
            "dose_shut": float(seen.rooms.dose.flat[spot]),
            "dose_middle": _median(seen.rooms.dose.ravel()[cells], seen.residents.ravel()[cells]),
            "severity": float(history.worst.flat[spot]),
            "probability": likely,
            "known_s": people.warned_s - seen.elapsed if np.isfinite(people.warned_s) else np.nan,
            "part": _part(shape, *here),
        }
        found |= {"people_share": _touched(cells, seen)} | _response(
            history.frames[:n].reshape(n, -1)[:, spot], dt, seen
        )
        burns = ignition.judge(cells, judged, people.warned_s, people.ready_s, dt) if judged else None
        if burns is not None and judged is not None:
            advice, reason, own = burns
            worst = int(cells[int(np.argmax(judged.highest.ravel()[cells]))])
            found |= {
                **_on(own, seen.elapsed),
                "lead_s": people.ready_s if advice == "leave" else np.nan,
                "severity": float(history.worst.ravel()[cells].max()),
                "part": _part(shape, *grid.centre(*divmod(worst, grid.nx))),
            }
            if advice == "leave" and rim is not None and not seen.calm and out < n:
                found |= (way := leaving.way_out(rim, out))
                reason = reason if way["way_clear"] or np.isnan(way["in_gas_s"]) else "ways_burn"
            rows.append(_row(block, advice, reason, **found))
        elif is_met:
            rows.append(_toxic(block, spot, cells, found, rate, seen, people, leaving, (warned, out), ways is None))
        else:
            rows.append(
                _row(block, **found | _of_some_winds(likely, _clears(cells, seen), warned, people, seen))  # type: ignore[arg-type]
            )
    return pd.DataFrame(rows, columns=COLUMNS).round(
        dict.fromkeys(
            ("dose_outdoors", "dose_stay", "dose_shut", "dose_leave", "dose_middle", "people_share", "lfl_share"), 3
        )
    )


def _toxic(
    block: str, spot: int, cells: NDArray[np.int64], found: dict[str, object], rate: Array, seen: Foreseen, people: People,
    leaving: Leaving, when: tuple[int, int], roadless: bool,
) -> dict[str, object]:  # fmt: skip
    """Return the row of a block that the cloud meets; `when`: the frames of the warning and of a household out of doors."""
    history, (warned, out) = seen.history, when
    dt, n = history.frame_s, history.count
    c = history.frames[:n].reshape(n, -1)[:, spot]
    load = seen.rooms.load_at(spot)
    airs = max(_cleaner(history.frames[:n], seen.rooms, cells, seen.noticed), _clears(cells, seen), warned)
    after = rate[airs:].sum(axis=0).ravel() * dt
    stay = float(load[airs] + after[spot])
    at = min(out, n - 1)
    walk, in_gas, _ = leaving.of(spot, at)
    leave = load[:n] + np.where(in_gas > 0.0, np.inf, np.inf if seen.calm else walk)
    arrives = float(np.argmax(c >= min(seen.noticed, c.max())) * dt)
    dose = float(leave[out]) if out < n and np.isfinite(leave[out]) else np.nan
    choice, reason, by = choose(stay, leave, warned, out)
    if reason == "no_way":
        reason = (
            "calm_ways" if seen.calm else "no_roads" if roadless else "ways_burn_stay" if in_gas[out] > 0.0 else reason
        )
    if choice == "stay" and airs <= warned < n and np.isfinite(found["probability"]):  # type: ignore[call-overload]
        choice, reason = "none", "gone"
    times = {
        "arrives_s": arrives,
        "until_s": airs * dt if airs < n else np.nan,
        "by_s": by * dt if choice == "leave" else max(min(arrives, _comes(cells, seen.came)), people.warned_s),
    }
    own = {
        "dose_stay": stay,
        "dose_leave": dose,
        "dose_middle": _median(seen.rooms.loads(airs, cells) + after[cells], seen.residents.ravel()[cells]),
        "rescue": min(stay, np.fmin(dose, np.inf)) >= 1.0,
    }
    lead = people.ready_s if choice == "leave" else np.nan
    if not seen.calm:
        own |= leaving.way_out(spot, at)
    return _row(block, choice, reason, **found | own | _on(times, seen.elapsed), lead_s=lead)


def choose(stay: float, leave: Array, warned: int, out: int) -> tuple[str, str, int]:
    """Return the choice, its reason, and the last frame at which who leaves must be out of doors (-1 for who stays).

    `stay`: the dose of staying; `leave` (frame,): that of being out of doors at each, infinite where there is no way. People are
    warned in the frame `warned` and out of doors from the frame `out` on.
    """
    if stay < ENOUGH:
        return "stay", "indoors_enough", -1
    if out >= len(leave):
        return "stay", "run_ends", -1
    if np.isinf(leave[out]):
        return "stay", "no_way", -1
    pays = (leave < 1.0) & ((stay >= 1.0) | (leave < GAIN * stay))
    if not pays[out]:
        if stay >= 1.0:
            return "stay", "both_harm", -1
        return "stay", "no_time" if pays[warned:out].any() else "leaving_is_worse", -1
    flips = int(np.argmin(pays[out:])) if not pays[out:].all() else len(leave) - out
    return "leave", "staying_harms" if stay >= 1.0 else "leaving_halves", out + flips - 1


def _of_some_winds(likely: float, airs: int, warned: int, people: People, seen: Foreseen) -> dict[str, object]:
    """Return what a block is told that the mean wind spares; `airs`: the frame from which on hardly any member meets it."""
    if not likely >= POSSIBLE:
        return {"advice": "none", "reason": "not_met"}
    dt, n = seen.history.frame_s, seen.history.count
    row: dict[str, object] = {"until_s": max(airs, warned) * dt - seen.elapsed if airs < n else np.nan}
    if airs <= warned < n:
        return row | {"advice": "none", "reason": "gone"}
    return row | {"advice": "stay", "reason": "possible", "by_s": people.warned_s - seen.elapsed, "possible": True}


def _frame(moment: float, history: History) -> int:
    """Return the first frame that begins at or after a moment, the number of frames where none does."""
    return min(int(np.ceil(moment / history.frame_s - 1e-9)), history.count) if np.isfinite(moment) else history.count


def _on(times: dict[str, float], elapsed: float) -> dict[str, float]:
    """Return values with their times (names that end in `_s`) on this run's clock."""
    return {name: value - elapsed if name.endswith("_s") else value for name, value in times.items()}


def _spots(ground: list[NDArray[np.int64]], outdoors: Array) -> list[int | None]:
    """Return the flat cell at which each block is judged; None for a block off the grid."""
    found: list[int | None] = []
    for cells in ground:
        order = np.argsort(outdoors.ravel()[cells], kind="stable")
        found.append(int(cells[order[min(int(len(cells) * (1.0 - SHARE)), len(cells) - 1)]]) if len(cells) else None)
    return found


def _comes(cells: NDArray[np.int64], came: Array | None) -> float:
    """Return when gas has come to a twentieth of a block in some of the wind members, s; infinite where it has not."""
    return np.inf if came is None else float(np.sort(came.ravel()[cells])[int(len(cells) * SHARE)])


def _clears(cells: NDArray[np.int64], seen: Foreseen) -> int:
    """Return the frame from which on it is cleaner outdoors on all but a twentieth of a block, in all but some of the wind members."""
    if seen.clears is None:
        return 0
    last = np.sort(seen.clears.ravel()[cells])[min(int(len(cells) * (1.0 - SHARE)), len(cells) - 1)]
    return math.ceil(float(last) / seen.history.frame_s - 1e-6)


def _touched(cells: NDArray[np.int64], seen: Foreseen) -> float:
    """Return which share of a block's people meets AEGL-1 outdoors; of its ground where it has none."""
    crowd = seen.residents.ravel()[cells]
    crowd = crowd if crowd.sum() > 0.0 else np.ones(len(cells))
    return float(crowd[seen.history.worst.ravel()[cells] >= 1.0].sum() / crowd.sum())


def _median(values: Array, crowd: Array) -> float:
    """Return the value that half of a crowd does not exceed; of the cells where there is nobody."""
    weight = crowd if crowd.sum() > 0.0 else np.ones(len(values))
    order = np.argsort(values, kind="stable")
    return float(values[order[int(np.searchsorted(np.cumsum(weight[order]), 0.5 * weight.sum()))]])


def _part(shape: object, x: float, y: float) -> str:
    """Return in which part of a block a place lies: its middle or one of PARTS."""
    east, north = x - shape.centroid.x, y - shape.centroid.y  # type: ignore[attr-defined]
    if np.hypot(east, north) < MIDDLE * np.sqrt(shape.area):  # type: ignore[attr-defined]
        return "middle"
    return PARTS[round(np.rad2deg(np.arctan2(east, north)) / 45.0) % 8]


def _cleaner(frames: NDArray[np.floating], rooms: Indoors, cells: NDArray[np.int64], noticed: float) -> int:
    """Return the frame from which the air outdoors stays cleaner than that indoors, or below `noticed` (kg m-3), all over a block.

    The number of frames where it never does.
    """
    mine = np.flatnonzero(np.isin(rooms.cells, cells))
    outside = frames.reshape(len(frames), -1)[:, rooms.cells[mine]]
    worse = np.flatnonzero(((outside >= rooms.air[:, mine]) & (outside >= noticed)).any(axis=1))
    return int(worse[-1]) + 1 if len(worse) else 0


def _response(c: NDArray[np.floating], dt: float, seen: Foreseen) -> dict[str, float]:
    """Return toxic load outdoors and its response in the family that was chosen."""
    if (family := seen.family) is None:
        return {}
    load = family.load_of(c[:, None], dt, seen.ppm_kg_m3 if family.ppm else 1e-6)
    return {"toxic_load": float(load[0]), "response": float(family.response(load)[0])}


def rescues(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of `told` whose people must be fetched: by when the gas is there or known of; the end is not known."""
    rows = told[told["rescue"].astype(bool)]
    return rows[["id", "rescue", "dose_stay", "dose_leave"]].assign(by_s=rows[["arrives_s", "known_s"]].max(axis=1))


def airings(told: pd.DataFrame) -> pd.DataFrame:
    """Return the blocks of `told` that can be told within the run to open their windows: `by_s` from when on.

    Those that stay inside, and those from which the gas is gone before people are warned.
    """
    open_up = (told["advice"] == "stay") | (told["reason"] == "gone")
    rows = told[open_up & told["until_s"].notna() & ~told["burns"].astype(bool)]
    return rows[["id", "dose_outdoors", "dose_stay"]].assign(air=True, by_s=rows["until_s"], rests_on_s=rows["known_s"])


def _row(block: str, advice: str, reason: str, **values: object) -> dict[str, object]:
    empty: dict[str, object] = dict.fromkeys(COLUMNS, np.nan)
    never = dict.fromkeys(("way_clear", "off_grid", "rescue", "burns", "possible"), False) | {"part": ""}
    return empty | never | values | {"id": block, "advice": advice, "reason": reason}
