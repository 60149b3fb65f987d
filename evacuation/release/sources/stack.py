"""A stack: how high its plume rises, by its heat and by its speed (Briggs 1969, 1971, 1972, as in ISC3, EPA-454/B-95-003b, 1.1.4).

With Fb = g v d^2 (Ts - Ta) / (4 Ts) and Fm = v^2 d^2 Ta / (4 Ts): in neutral and unstable air 21.425 Fb^(3/4) / u, or from Fb = 55
on 38.71 Fb^(3/5) / u, and by speed 3 d v / u; in stable air, s = g / Ta dtheta/dz, 2.6 (Fb / (u s))^(1/3) and by speed
1.5 (Fm / (u s^0.5))^(1/3). The larger of the two counts. It is the height in the end: on its way up, within some hundred metres, the
plume is lower than that, and still far from the ground.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from evacuation.release.kernels.similarity import KAPPA, phi_h, profile

G = 9.81


@dataclass(frozen=True)
class Stack:
    """A mouth of `bore_m` (m) that lets gas go upward at `speed_m_s` and `temperature` (K)."""

    bore_m: float
    speed_m_s: float
    temperature: float

    @property
    def flow_m3_s(self) -> float:
        """Volume that leaves, m3 s-1."""
        return math.pi / 4.0 * self.bore_m**2 * self.speed_m_s

    def rise(self, height_m: float, z0: float, ustar: float, inv_l: float, air_k: float) -> float:
        """Return the rise above a mouth `height_m` high, m, over roughness z0 (m), for u* (m s-1), 1 / L (m-1), air of air_k (K)."""
        u = max(ustar / KAPPA * profile(height_m, z0, inv_l), 1.0)  # ISC3: not less than 1 m/s
        d, v = self.bore_m, self.speed_m_s
        fb = max(G * v * d**2 * (self.temperature - air_k) / (4.0 * self.temperature), 0.0)
        fm = v**2 * d**2 * air_k / (4.0 * self.temperature)
        by_speed = 3.0 * d * v / u
        if inv_l <= 0.0:
            return float(max(21.425 * fb**0.75 / u if fb < 55.0 else 38.71 * fb**0.6 / u, by_speed))
        s = (ustar / KAPPA) ** 2 * inv_l * phi_h(height_m * inv_l) / height_m  # g / T dtheta/dz of similarity
        return float(max(2.6 * (fb / (u * s)) ** (1 / 3), min(by_speed, 1.5 * (fm / (u * math.sqrt(s))) ** (1 / 3))))
