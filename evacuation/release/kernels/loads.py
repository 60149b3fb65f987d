"""What people collect from a concentration: rates of a toxic load, running means, air indoors, and how severe it is."""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from twin.jit import kernel

#: A concentration this many times below the longest duration's limit collects nothing.
NOTHING = 1e-3
LOG_NOTHING = math.log(NOTHING)

#: Nobody collects a limit's load in less than a second: no curve says what shorter times do, and a load beyond it says no more.
MOST_RATE = 1.0

#: So many rooms are followed side by side: neighbours in memory, frame by frame.
ROOMS = 512


@kernel
def load_rate(c, log_t, log_c, n_short, n_long):
    """Return 1 / t (s-1), t the duration whose limit is c (kg m-3), a second at least; see `toxicity.Curve`.

    Its integral over time reaching 1 is the limit reached.
    """
    last = len(log_c) - 1
    if c <= 0.0:
        return 0.0
    x = math.log(c)
    if x >= log_c[0]:
        return min(math.exp(n_short * (x - log_c[0]) - log_t[0]), MOST_RATE)
    if x < log_c[last]:
        if n_long <= 0.0 or x < log_c[last] + LOG_NOTHING:
            return 0.0
        return math.exp(-n_long * (log_c[last] - x) - log_t[last])
    k = 0
    while k < last - 1 and x < log_c[k + 1]:
        k += 1
    share = (log_c[k] - x) / (log_c[k] - log_c[k + 1])
    return math.exp(-log_t[k] - share * (log_t[k + 1] - log_t[k]))


@kernel(parallel=True)
def add_load(load_out, c, dt, log_t, log_c, n_short, n_long):
    """Add to load_out (member, row, column) what dt s at c (kg m-3) collect; the whole is the limit reached."""
    members, rows, cols = c.shape
    least = math.exp(log_c[-1]) * (NOTHING if n_long > 0.0 else 1.0)
    for line in nb.prange(members * rows):
        n, j = line // rows, line % rows
        for i in range(cols):
            if c[n, j, i] >= least:
                load_out[n, j, i] += dt * load_rate(np.float64(c[n, j, i]), log_t, log_c, n_short, n_long)


@kernel(parallel=True)
def running_means(sums_out, fraction_out, frames, k, windows, limits):
    """Move running sums on to frame k and find the worst share of each level's limit.

    frames (time, row, column): means over equal times, kg m-3. sums_out (window, row, column): sums over the last windows (window,)
    frames; what was before the first frame is nothing. limits (level, window) kg m-3. fraction_out (level, row, column): the
    largest mean / limit over the windows.
    """
    n_windows, rows, cols = sums_out.shape
    longest = np.argmax(windows)
    for j in nb.prange(rows):
        for i in range(cols):
            for level in range(limits.shape[0]):
                fraction_out[level, j, i] = 0.0
            if sums_out[longest, j, i] <= 0.0 and frames[k, j, i] <= 0.0:
                continue  # nothing came within the longest window, so nothing within the others
            for w in range(n_windows):
                total = sums_out[w, j, i] + frames[k, j, i]
                if k >= windows[w]:
                    total -= frames[k - windows[w], j, i]
                total = max(total, 0.0)
                sums_out[w, j, i] = total
                if total > 0.0:
                    for level in range(limits.shape[0]):
                        share = total / (windows[w] * limits[level, w])
                        if share > fraction_out[level, j, i]:
                            fraction_out[level, j, i] = share


@kernel(parallel=True)
def severity(severity_out, worst_out, fraction, c, present, flammable):
    """Grade cells: below 1 the share of level 1; then 1 + that of level 2, 2 + that of level 3; a flammable gas at least by C.

    fraction (level, row, column); c (row, column) kg m-3; flammable: lower limit kg m-3, 0 for none. From a tenth of the lower
    flammable limit the grade is 1 or more, from half of it 3 or more. worst_out takes the grade where it is higher; severity_out
    is it while c is at least `present` (kg m-3), below only c / present: who comes after the cloud meets no more.
    """
    rows, cols = severity_out.shape
    for j in nb.prange(rows):
        for i in range(cols):
            one, two, three = fraction[0, j, i], fraction[1, j, i], fraction[2, j, i]
            grade = one if one < 1.0 else 1.0 + two if two < 1.0 else 2.0 + three
            if flammable > 0.0:
                share = c[j, i] / flammable
                burns = 10.0 * share if share < 0.1 else 1.0 + 5.0 * (share - 0.1) if share < 0.5 else 2.5 + share
                grade = max(grade, burns)
            if grade > worst_out[j, i]:
                worst_out[j, i] = grade
            now = c[j, i] / present
            severity_out[j, i] = min(grade, now) if now < 1.0 else grade


@kernel
def exchange(changes_s, dt):
    """Return what is left after dt (s) of a difference between a well-mixed room and the air outside, and its mean over dt.

    dC/dt = a (c_out - C), a = changes_s (s-1): exact for a constant c_out.
    """
    x = changes_s * dt
    return math.exp(-x), -math.expm1(-x) / x if x > 0.0 else 1.0


@kernel
def indoors(c_in, c_out, changes_s, dt):
    """Return (indoor concentration after dt, its mean over dt) of a well-mixed room in air of concentration c_out."""
    fade, kept = exchange(changes_s, dt)
    return c_out + (c_in - c_out) * fade, c_out + (c_in - c_out) * kept


@kernel
def exchanges(fade_out, kept_out, changes_s, dt):
    """Fill fade_out and kept_out (house,) with what `exchange` gives for changes_s (house,), s-1."""
    for k in range(len(changes_s)):
        fade_out[k], kept_out[k] = exchange(changes_s[k], dt)


@kernel(parallel=True)
def air_rooms(air_out, mean_out, c, house, fade, kept):
    """Move the air of rooms on in air of concentration c; all (member, row, column), kg m-3; mean_out: its mean meanwhile.

    house (row, column): which house each room is in; fade, kept (member, house): see `exchange`.
    """
    members, rows, cols = c.shape
    for line in nb.prange(members * rows):
        n, j = line // rows, line % rows
        for i in range(cols):
            outside = c[n, j, i]
            off, h = air_out[n, j, i] - outside, house[j, i]
            mean_out[n, j, i] = outside + off * kept[n, h]
            air_out[n, j, i] = outside + off * fade[n, h]


@kernel(parallel=True)
def last_met(last_out, c, other, least, moment):
    """Write a moment, s, wherever c is at least `least` and no less than `other`.

    last_out, c, other (member, row, column); c, other and least in the same unit.
    """
    members, rows, cols = c.shape
    for line in nb.prange(members * rows):
        n, j = line // rows, line % rows
        for i in range(cols):
            if c[n, j, i] >= least and c[n, j, i] >= other[n, j, i]:
                last_out[n, j, i] = moment


@kernel(parallel=True)
def indoor_load(load_out, inside_out, frames, met, dt, house, row, fade, kept, log_t, log_c, n_short, n_long):
    """Follow the air of rooms at the cells met (room,) through frames (time, cell) of dt s, and what people collect there.

    load_out (time + 1, room): dose at the beginning of each frame and at the end; inside_out (time, room): concentration after
    each frame. house (room,): which house each is in; fade, kept (row, house): see `exchange`; row (time,): which holds.
    """
    n_frames, n_rooms = inside_out.shape
    for part in nb.prange((n_rooms + ROOMS - 1) // ROOMS):
        rooms = range(part * ROOMS, min((part + 1) * ROOMS, n_rooms))
        for i in rooms:
            load_out[0, i] = 0.0
        for k in range(n_frames):
            r = row[k]
            for i in rooms:
                h = house[i]
                c, outside = inside_out[k - 1, i] if k > 0 else 0.0, np.float64(frames[k, met[i]])
                inside_out[k, i] = outside + (c - outside) * fade[r, h]
                mean = outside + (c - outside) * kept[r, h]
                load_out[k + 1, i] = load_out[k, i] + dt * load_rate(mean, log_t, log_c, n_short, n_long)
