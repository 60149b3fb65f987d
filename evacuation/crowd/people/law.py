"""The law of motion with its one set of figures: published values, none fitted to the runs that the proofs compare with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from evacuation.crowd.kernels.arrays import Law
from twin.variables import Unit

#: Newtons, kilograms and metres of contact: Helbing, Farkas and Vicsek 2000, doi:10.1038/35035023.
MASS_KG, RELAX_S, STIFFNESS, FRICTION = 75.0, 0.5, 1.2e5, 2.4e5

#: Dashpot of a contact, kg/s: half of the critical one of two bodies, 2 sqrt(k m / 2) (assumed: bodies do not bounce).
DAMPING = 2121.0

#: The collision-free speed model (form: Tordeux, Chraibi and Seyfried 2016, doi:10.1007/978-3-319-33482-0_29; turning aside and its
#: figures: Xu et al. 2019, doi:10.1016/j.physa.2019.122521). Its gap: measured on people in single file, the time by Jelic et al. 2012
#: (doi:10.1103/PhysRevE.85.036111, headways below 1.1 m), the length by Seyfried et al. 2005 (doi:10.1088/1742-5468/2005/10/P10002).
#: Of three published pairs (also 1.06 s and 0.36 m, 1.0 s and 0.3 m) it is the one that keeps the whole band of proof crowd/A4.
GAP_TIME_S, GAP_LENGTH_M, REPULSION, REPULSION_RANGE_M = 0.74, 0.36, 3.0, 0.1

#: Whom one may touch before the next decision, m beyond the sum of radii, and the time over which the load is a mean, s.
SKIN_M, LOAD_TIME_S = 0.15, 1.0

#: Between two decisions, s.
DECISION_S = 0.05


@dataclass(frozen=True)
class Pressing:
    """How people press: the step of the contacts, and the force with which somebody leans who has no gap left."""

    step_s: Annotated[float, Ge(0.001), Le(0.01), Unit("s", "stable to 8 persons/m2: proof crowd/squeeze")] = 0.01
    push_n: Annotated[float, Ge(0.0), Le(300.0), Unit("N", "a calm crowd leans lightly: assumed")] = 10.0

    @property
    def law(self) -> Law:
        """The figures as the kernels take them."""
        return Law(
            dt=self.step_s,
            mass=MASS_KG,
            relax=RELAX_S,
            gap_time=GAP_TIME_S,
            gap_length=GAP_LENGTH_M,
            repulsion=REPULSION,
            repulsion_range=REPULSION_RANGE_M,
            push=self.push_n,
            stiffness=STIFFNESS,
            damping=DAMPING,
            friction=FRICTION,
            skin=SKIN_M,
            load_time=LOAD_TIME_S,
        )

    @property
    def steps(self) -> int:
        """Steps of the contacts between two decisions."""
        return round(DECISION_S / self.step_s)
