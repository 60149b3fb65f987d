"""Where it is dangerous now and in twenty minutes: against the fields in time, a room by hand, and what the page says."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import numpy as np
import pandas as pd
import pytest

from evacuation.release.advice import Indoors
from evacuation.release.ahead import AHEAD_MIN, LIKELY, Ahead
from evacuation.release.ground import cells_of
from evacuation.release.history import History
from evacuation.release.members import Shares
from evacuation.release.proofs.worlds import town, wind
from evacuation.release.release import Release
from evacuation.release.substances import substance
from evacuation.release.toxicity import limits_of
from scenarios.case.hazards import reported, sheet
from twin.blocks import Section, Table, Text
from twin.clock import Clock
from twin.hazard import Outcome
from twin.words import LANGS, written

CLOCK = Clock(datetime(2026, 6, 20, 18, 0, tzinfo=timezone(timedelta(hours=8))), 3600.0, 300.0)
LEAK = Release(substance="chlorine", site="works/T1", mass_kg=2000.0, hole_mm=12.0, wind_members=8, start_min=5.0)
WARNED_S = 900.0


def simulated(model: Release, clock: Clock = CLOCK, **state) -> Outcome:
    return model.simulate(town(), wind(CLOCK, {0.0: (2.0, 0.5)}), clock, **state)


@pytest.fixture(scope="module")
def run() -> Outcome:
    return simulated(LEAK)


def page(run: Outcome) -> tuple[str, list[Table]]:
    """Return what the headline says in both languages, and its tables."""
    section = Section(sheet("release"), run.fields, None, None, run.tables)
    headline = reported("release", section, town(), CLOCK).headline
    said = " ".join(written(b.said, lang) for b in headline if isinstance(b, Text) for lang in LANGS)
    return said, [b for b in headline if isinstance(b, Table)]


def test_outdoors_it_is_the_severity_in_time(run: Outcome) -> None:
    """Windows, frames and output times meet at 15 and 35 minutes."""
    timed, ahead = run.fields["gas_severity"], run.fields["gas_severity_ahead"]
    for minutes in AHEAD_MIN:
        at = timed.isel(time=int((WARNED_S + 60.0 * minutes) / CLOCK.step_s))
        assert at.max() > 1.0
        np.testing.assert_array_equal(ahead.sel(ahead=minutes), at)


def test_rooms_follow_the_exact_box() -> None:
    """Air of twice the AEGL-2 of ten minutes outdoors from the start: indoors C (1 - exp(-a t)), its ten-minute mean over the limit."""
    limits, a, dt, cells = limits_of(substance("ammonia")), 1.5 / 3600.0, 60.0, np.array([4])
    outside = 2.0 * limits.table()[1, 0]
    history = History((3, 3), limits, 0.0, dt, 40, None)
    c = np.zeros((3, 3))
    c.flat[cells] = outside
    ahead, shares = Ahead((3, 3), dt), Shares(0, (3, 3), limits, 0.0, dt, None)
    for _ in range(40):
        history.add(c, dt)
        ahead.look(600.0, history, shares, np.zeros((0, 3, 3)))
    assert ahead.counts.tolist() == [10, 30] and np.isnan(ahead.likely).all()
    air = outside * -np.expm1(-a * dt * np.arange(1, 41))[:, None]
    rooms = Indoors(np.zeros((3, 3)), cells, air, np.zeros((41, 1)))
    severity, worst = ahead.indoors(rooms, history, limits, 0.0)

    def mean(first_s: float, last_s: float) -> float:
        return outside * (1.0 - (np.exp(-a * first_s) - np.exp(-a * last_s)) / (a * (last_s - first_s)))

    graded = []
    for t in (600.0, 1800.0):
        windows = [
            mean(t - w, t) if t >= w else mean(0.0, t) * t / w for w in (600.0, 1800.0, 3600.0, 14400.0, 28800.0)
        ]
        one, two, three = (max(np.array(windows) / limits.table()[level]) for level in range(3))
        graded.append(one if one < 1.0 else 1.0 + two if two < 1.0 else 2.0 + three)
    assert severity[:, 1, 1] == pytest.approx(graded, rel=2e-3)
    assert worst[1, 1] >= severity[1, 1, 1] and severity[:, 0, 0].tolist() == [0.0, 0.0]


def test_members_in_the_same_wind_are_all_or_none_and_rooms_lag_behind() -> None:
    same = {"direction_sd_deg": 0.0, "speed_sd": 0.0, "stability_share": 0.0, "source_sd": 0.0, "wind_members": 2}
    run = simulated(replace(LEAK, **same))
    table = run.tables["ahead"]
    shares = table[LIKELY].to_numpy(float)
    assert set(np.unique(shares)) == {0.0, 1.0}
    now, later, whole = (table[table["moment"] == moment].set_index("id") for moment in ("now", "later", "run"))
    assert (now["indoors_aegl2"] <= now["outdoors_aegl2"]).all()
    assert (whole[LIKELY] >= np.maximum(now[LIKELY], later[LIKELY])).all(axis=None)
    assert (whole["indoors_aegl3"] <= whole["indoors_aegl2"]).all() and whole["indoors_aegl2"].any()
    likely = run.fields["probability_aegl2"].values
    assert whole["outdoors_aegl2"].sum() == pytest.approx(
        sum(np.sort(likely.ravel()[cells])[int(len(cells) * 0.95)] for cells in _ground())
    )


def _ground() -> list[np.ndarray]:
    city = town()
    return cells_of(city.blocks, city.grid.at_cell_size(LEAK.cell_m))


def test_a_run_that_goes_on_before_the_warning_ends_as_one_run_does(run: Outcome) -> None:
    first = simulated(LEAK, CLOCK.first(600.0))
    assert not len(first.tables["ahead"]) and "gas_severity_ahead" not in first.fields
    second = simulated(LEAK, CLOCK.after(600.0), state=first.state)
    whole, rest = run.tables["ahead"], second.tables["ahead"]
    pd.testing.assert_frame_equal(rest.drop(columns="at_s"), whole.drop(columns="at_s"))
    np.testing.assert_array_equal(rest["at_s"], whole["at_s"] - 600.0)
    xs = [r.fields["indoor_severity_ahead"].values for r in (run, second)]
    np.testing.assert_array_equal(*xs)


def test_now_is_the_beginning_of_a_run_that_goes_on_after_the_warning(run: Outcome) -> None:
    second = simulated(LEAK, CLOCK.after(1800.0), state=simulated(LEAK, CLOCK.first(1800.0)).state)
    table = second.tables["ahead"]
    assert table["at_s"].dropna().unique().tolist() == [0.0, 1200.0]
    np.testing.assert_array_equal(
        second.fields["gas_severity_ahead"].sel(ahead=0), run.fields["gas_severity"].isel(time=6)
    )
    assert "25 min after the leak began, as this run begins" in page(second)[0]


def test_the_page_says_when_and_which_blocks(run: Outcome) -> None:
    said, (table,) = page(run)
    assert "now (18:15, 10 min after the leak began, as people are warned) and in 20 minutes" in said
    assert "现在(18:15" in said
    heads = [written(head, "en") for head in table.heads]
    assert heads[1:3] == ["Outdoors 18:15", "Outdoors 18:35"] and heads[4] == "Indoors 18:15"
    worst = run.tables["ahead"].query("moment == 'now'").set_index("id")["outdoors"]
    first, level = table.rows[0], int(worst.max())
    assert written(first[0], "en") == town().place_name(worst.idxmax())["en"]
    assert first[1].style == ("yellow", "orange", "red")[level - 1]
    assert written(first[1].said, "en").startswith(f"AEGL-{level} (")


def test_what_is_not_known_is_said() -> None:
    alone = page(simulated(replace(LEAK, wind_members=0)))[0]
    assert "how likely any of these is, is not known" in alone
    short = simulated(replace(LEAK, start_min=35.0))
    assert np.isnan(short.fields["gas_severity_ahead"].sel(ahead=20)).all()
    said, (table,) = page(short)
    assert "in 20 minutes is not known" in said and len(table.heads) == 5
    assert "ends before people are warned" in page(simulated(replace(LEAK, start_min=55.0)))[0]


def test_a_gas_that_burns_is_told_in_shares_of_its_limit() -> None:
    lpg = Release(substance="lpg", site="b0", mass_kg=8000.0, hole_mm=12.0, warned_min=2.0, wind_members=4)
    run = simulated(lpg)
    now = run.tables["ahead"].query("moment == 'now'").set_index("id")
    assert now["outdoors"].max() >= 3.0 and now.loc[now["outdoors"].idxmax(), "outdoors_aegl3"] > 0.0
    cells = [str(written(c.said, "en")) for row in page(run)[1][0].rows for c in row[1:] if isinstance(c, Text)]
    assert any(c.startswith("LFL/2") for c in cells) and not any("AEGL" in c for c in cells)
