"""The least dose of people who leave on foot along roads, through a cloud as it moves and round water that is too deep."""

from __future__ import annotations

from twin.jit import kernel


@kernel
def least_doses(
    dose_out, end_out, now_scratch, end_scratch, watched, rate, piece_s, cell, depth, depth_frames, wade_m, starts, ends,
    per_frame, first,
):  # fmt: skip
    """Find, for each watched point and moment from frame `first` on, the least dose from there to the end, and where it ends.

    In each piece of time one stays or goes to a point one piece away that is not under `wade_m` of water, and collects the dose
    rate of the place where one begins the piece: D(p, t) = r(p, t) dt + min D(q, t + 1) over q = p and its neighbours, backward in
    time (Bellman 1957). Waiting is a way too.

    rate (frame, cell) s-1, a frame has per_frame pieces of piece_s; cell (point,) flat; depth (moment, point) m, its row of each
    piece depth_frames (piece,); watched (k,) points; dose_out and end_out (k, piece).
    """
    points, pieces = len(cell), rate.shape[0] * per_frame
    for p in range(points):
        now_scratch[0, p] = 0.0
        end_scratch[0, p] = p
    old, new = 0, 1
    for k in range(pieces - 1, first * per_frame - 1, -1):
        frame, wet = k // per_frame, depth_frames[k]
        for p in range(points):
            best, at = now_scratch[old, p], p
            for j in range(starts[p], starts[p + 1]):
                q = ends[j]
                if depth[wet, q] < wade_m and now_scratch[old, q] < best:
                    best, at = now_scratch[old, q], q
            now_scratch[new, p] = best + piece_s * rate[frame, cell[p]]
            end_scratch[new, p] = end_scratch[old, at]
        old, new = new, old
        for w in range(len(watched)):
            dose_out[w, k] = now_scratch[old, watched[w]]
            end_out[w, k] = end_scratch[old, watched[w]]
