"""What the crowd gives, each with one name and one unit."""

from __future__ import annotations

from twin.variables import Variable

PER_M2 = "m-2"

CROWD_DENSITY = Variable(
    "crowd_density", PER_M2, ("time", "y", "x"), "人群密度", "crowd density", 0.0, 100.0,
    comment="Gaussian kernel exp(-d2/R2)/(pi R2), R = 1 m, divided by its share of open ground; walls hide what is behind them",
)  # fmt: skip
MAX_CROWD_DENSITY = Variable(
    "max_crowd_density", PER_M2, ("y", "x"), "最大人群密度", "highest crowd density", 0.0, 100.0,
    comment="the highest of every second, not of the output times",
)  # fmt: skip
DENSE_DURATION = Variable(
    "dense_duration", "s", ("density_bound", "y", "x"), "密度超过某值的时长", "time at or above a crowd density", 0.0, 1e8,
)  # fmt: skip
PEAK_DENSITY = Variable(
    "peak_density", PER_M2, ("time", "zone"), "分区最大密度", "highest density in a zone", 0.0, 100.0,
    comment="the highest of every second since the last output time",
)  # fmt: skip
ZONE_PEOPLE = Variable("zone_people", "persons", ("time", "zone"), "分区人数", "people in a zone", 0.0, 1e7)
CONTACT_FORCE = Variable(
    "contact_force", "N", ("time", "zone"), "最大接触力", "highest contact force on a person", 0.0, 1e6,
    comment="half the largest principal value of the normal forces on one body, mean over 1 s; highest since the last output time; "
    "NaN where nobody is followed",
    gaps=True,
)  # fmt: skip
COMPRESSION_DOSE = Variable(
    "compression_dose", "1", ("time", "zone"), "最大受压剂量", "highest compression dose of a person", 0.0, 1e6,
    comment="1 is taken as fatal: the integral of 1 / (15 s (6227 N / load)^1.72) of loads above 300 N over a person's time in the venue; "
    "highest of those in the zone since the last output time; NaN where nobody is followed",
    gaps=True,
)  # fmt: skip
CROWD_PRESSURE = Variable(
    "crowd_pressure", "s-2", ("time", "zone"), "人群压力", "crowd pressure", 0.0, 1e4,
    comment="density times the variance of velocity (3 s means) off the mean of each group, Gaussian kernel of 1 m, at the densest spot of "
    "a zone while it holds 5 persons/m2 or more: mean since the last output time; a trend, no alarm; NaN elsewhere, and where nobody is "
    "followed",
    gaps=True,
)  # fmt: skip
CRUSH_INDEX = Variable(
    "crush_index", "1", ("time", "zone"), "拥挤危险指数", "crush index", 0.0, 1e4,
    comment="1 blue, 2 yellow, 3 orange, 4 red: the larger of density held 60 s and contact force held 30 s",
)  # fmt: skip
GATE_FLOW = Variable(
    "gate_flow", "s-1", ("time", "gate"), "闸口通过率", "people through a gate per second", 0.0, 1e4,
    comment="both directions, mean since the last output time",
)  # fmt: skip

#: What is kept for the run folder.
KEPT = (
    CROWD_DENSITY,
    CRUSH_INDEX,
    MAX_CROWD_DENSITY,
    DENSE_DURATION,
    PEAK_DENSITY,
    ZONE_PEOPLE,
    CONTACT_FORCE,
    COMPRESSION_DOSE,
    CROWD_PRESSURE,
    GATE_FLOW,
)

#: Of these, what only people who are followed one by one have.
OF_PERSONS = (CONTACT_FORCE, COMPRESSION_DOSE, CROWD_PRESSURE)
