"""The quantities that the flood gives."""

from __future__ import annotations

from twin.variables import Variable

WATER_DEPTH = Variable(
    "water_depth",
    "m",
    ("time", "y", "x"),
    "积水深度",
    "water depth",
    0.0,
    100.0,
    "flood_water_thickness",
    frozenset({"slows_travel", "harms_people"}),
)
WATER_SPEED = Variable(
    "water_speed",
    "m s-1",
    ("time", "y", "x"),
    "水流速度",
    "water speed",
    0.0,
    50.0,
    "flood_water_speed",
    frozenset({"harms_people"}),
)
MAX_WATER_DEPTH = Variable(
    "max_water_depth",
    "m",
    ("y", "x"),
    "最大积水深度",
    "maximum water depth",
    0.0,
    100.0,
    "flood_water_thickness",
    comment="the highest of every time step, not of the output times",
)
TIME_OF_MAX_DEPTH = Variable(
    "time_of_max_depth",
    "s",
    ("y", "x"),
    "最大积水深度出现时刻",
    "time of the maximum water depth",
    -1.0,
    1e8,
    "time_of_maximum_flood_depth",
    comment="seconds after the first time; -1 where water never stood above 0.01 m; 0 where it peaked before",
)
DURATION_ABOVE = Variable(
    "duration_above",
    "s",
    ("depth_bound", "y", "x"),
    "积水超过某一深度的时长",
    "time at or above a water depth",
    0.0,
    1e8,  # no standard name: CF's flood_water_duration_above_threshold runs from first rise to last fall
    comment="the sum of all spells at or above depth_bound",
)
FLOOD_DANGER = Variable(
    "flood_danger",
    "1",
    ("y", "x"),
    "洪水危险等级",
    "flood danger class",
    0.0,
    6.0,
    flags=("none", "H1", "H2", "H3", "H4", "H5", "H6"),
    comment="worst class of depth, speed and their product: Smith, Davey and Cox 2014; AIDR Guideline 7-3, 2017",
)
