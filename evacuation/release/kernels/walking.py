"""The dose of people who leave on foot, through the cloud as it moves."""

from __future__ import annotations

from twin.jit import kernel


@kernel
def doses_of_walks(dose_out, off_out, rate, dt, first, x, y, ways, speed, far, piece_s, west, north, cell_m):
    """Find the dose of walking from (x, y) along each way, leaving at the beginning of each frame from `first` on.

    rate (time, row, column): dose rate outdoors (s-1) in frames of dt s; beyond the grid that of its rim, and off_out (way,) says
    so. ways (way, 2): unit vectors. Who has walked `far` m waits there to the end. dose_out (way, time).
    """
    frames, rows, cols = rate.shape
    for w in range(len(ways)):
        for start in range(first, frames):
            total, walked, t = 0.0, 0.0, start * dt
            while t < frames * dt - 1e-6:
                px, py = x + ways[w, 0] * walked, y + ways[w, 1] * walked
                row, col = int((north - py) // cell_m), int((px - west) // cell_m)
                inside_row, inside_col = min(max(row, 0), rows - 1), min(max(col, 0), cols - 1)
                if row != inside_row or col != inside_col:
                    off_out[w] = True
                total += piece_s * rate[min(int(t / dt + 1e-9), frames - 1), inside_row, inside_col]
                t += piece_s
                walked = min(walked + speed * piece_s, far)
            dose_out[w, start] = total
