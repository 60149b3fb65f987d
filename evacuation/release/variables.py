"""What the release gives, each quantity with its name, unit and dimensions."""

from __future__ import annotations

import numpy as np

from twin.variables import Variable

TIMED, SPACE = ("time", "y", "x"), ("y", "x")

GAS_CONCENTRATION = Variable(
    "gas_concentration",
    "kg m-3",
    TIMED,
    "有害气体浓度",
    "gas concentration",
    0.0,
    2000.0,
    comment="ensemble mean outdoors, 1.5 m above ground, or at the cloud's mean height where that is lower",
)
TOXIC_DOSE_RATE = Variable(
    "toxic_dose_rate",
    "s-1",
    TIMED,
    "毒性负荷累积速率",
    "rate of toxic dose",
    0.0,
    1e6,
    tags=frozenset({"harms_people", "dose_rate"}),
    comment="outdoors, mean until the next output time; its integral over time reaching 1 is AEGL-3",
)
GAS_SEVERITY = Variable(
    "gas_severity",
    "1",
    TIMED,
    "危害程度",
    "severity of the gas",
    0.0,
    1e9,
    comment="while the gas stands at AEGL-1 or more, the worst running mean over 10 min to 8 h: below 1 share of AEGL-1; 1 + share"
    " of AEGL-2; from AEGL-2 on 2 + share of AEGL-3; a flammable gas at least 1 from a tenth and 3 from half of its lower flammable limit",
)
MAX_GAS_SEVERITY = Variable(
    "max_gas_severity", "1", SPACE, "最高危害程度", "highest severity of the gas", 0.0, 1e9, comment="of every frame"
)
GAS_SEVERITY_AHEAD = Variable(
    "gas_severity_ahead",
    "1",
    ("ahead", "y", "x"),
    "发出警报时和20分钟后的危害程度",
    "severity of the gas when people are warned and 20 min later",
    0.0,
    1e9,
    comment="as gas_severity, `ahead` minutes after people are warned (in a run that begins later: after its beginning); missing after"
    " the run's end: not known",
    gaps=True,
)
INDOOR_SEVERITY_AHEAD = Variable(
    "indoor_severity_ahead",
    "1",
    ("ahead", "y", "x"),
    "发出警报时和20分钟后的室内危害程度",
    "severity of the air indoors when people are warned and 20 min later",
    0.0,
    1e9,
    comment="as gas_severity_ahead, of the air in a room at this cell: windows open until the warning, then shut, never aired",
    gaps=True,
)
MAX_GAS_CONCENTRATION = Variable(
    "max_gas_concentration",
    "kg m-3",
    SPACE,
    "最高浓度",
    "highest gas concentration",
    0.0,
    2000.0,
    comment="of every step",
)
PEAK_GAS_CONCENTRATION = Variable(
    "peak_gas_concentration",
    "kg m-3",
    SPACE,
    "最高短时浓度(20秒平均)",
    "highest gas concentration of 20 s",
    0.0,
    4000.0,
    comment="mean over 20 s on the axis of a steady plume: max_gas_concentration times (600 s / 20 s)^0.2; off the axis and between walls"
    " gusts may be more times as high; not given for a sudden release",
)
FLAMMABLE_SHARE = Variable(
    "flammable_share",
    "1",
    SPACE,
    "最高浓度与可燃下限之比",
    "highest concentration over the lower flammable limit",
    0.0,
    1e6,
    comment="0 everywhere for a gas that does not burn",
)
GAS_MAY_BURN = Variable(
    "gas_may_burn",
    "1",
    ("time", "edge"),
    "气体可能着火的道路",
    "roads on which the gas may burn",
    0.0,
    2.0,
    tags=frozenset({"bars_travel"}),
    flags=("no", "not_known_yet", "known"),
    comment="in the mean wind, until the next output time: half of the lower flammable limit is reached somewhere on the road; known: from"
    " when people know of the leak; 0 everywhere for a gas that does not burn; missing off the grid: not known",
    gaps=True,
)
OUTDOOR_DOSE = Variable(
    "outdoor_dose", "1", SPACE, "室外毒性负荷", "toxic dose outdoors", 0.0, 1e9, comment="1 is AEGL-3"
)
INDOOR_DOSE = Variable(
    "indoor_dose",
    "1",
    SPACE,
    "室内毒性负荷",
    "toxic dose indoors",
    0.0,
    1e9,
    comment="in a room at this cell with the air changes of the run; 1 is AEGL-3",
)


def _harm(name: str, zh: str, en: str, unit: str, high: float, comment: str) -> tuple[Variable, Variable]:
    """Return what a toxic load is or does, outdoors and in a room at the cell with the air changes of the run."""
    return (
        Variable(name, unit, SPACE, f"室外{zh}", f"{en} outdoors", 0.0, high, comment=comment),
        Variable(f"{name}_indoors", unit, SPACE, f"室内{zh}", f"{en} indoors", 0.0, high, comment=comment),
    )


#: What a toxic load is and does by the family that was chosen; of the last two pairs the one that the family is.
HARM = (
    *_harm(
        "toxic_load",
        "毒性负荷C^n t",
        "toxic load C^n t",
        "min",
        np.inf,
        "C over 1 ppm or 1 mg m-3, as the family has it",
    ),
    *_harm(
        "lethal_share", "致死概率", "share of people who would die", "1", 1.0, "the family's probit; of who stays there"
    ),
    *_harm("slot_share", "毒性负荷与SLOT之比", "toxic load over SLOT", "1", np.inf, "from 1 on some 1 % die (HSE)"),
)

PROBABILITY_AEGL2 = Variable(
    "probability_aegl2", "1", SPACE, "达到AEGL-2的成员比例", "share of wind members that reach AEGL-2", 0.0, 1.0
)
PROBABILITY_AEGL3 = Variable(
    "probability_aegl3", "1", SPACE, "达到AEGL-3的成员比例", "share of wind members that reach AEGL-3", 0.0, 1.0
)
PROBABILITY_FLAMMABLE = Variable(
    "probability_flammable",
    "1",
    SPACE,
    "达到可燃下限一半的成员比例",
    "share of wind members that reach half of the lower flammable limit",
    0.0,
    1.0,
)
STAY_OR_LEAVE = Variable(
    "stay_or_leave",
    "1",
    ("block",),
    "避险建议",
    "stay or leave",
    0.0,
    2.0,
    tags=frozenset({"advice"}),
    flags=("none", "stay", "leave"),
    comment="missing where another wind, or a calm, may bring the cloud although the one direction that was followed does not",
    gaps=True,
)
LEAVE_BEFORE = Variable(
    "leave_before",
    "s",
    ("block",),
    "最迟离开时刻",
    "leave before",
    -1e8,
    1e8,
    comment="seconds on the clock (negative: before this run began); missing where nobody is told to leave, or from gas that may burn",
    gaps=True,
)
ADVICE_FROM = Variable(
    "advice_from",
    "s",
    ("block",),
    "建议可知时刻",
    "advice can be given from",
    -1e8,
    1e8,
    comment="seconds on the clock: people are warned, and not before; missing where nothing leaks",
    gaps=True,
)
SOURCE_SHARE = Variable(
    "source_share",
    "1",
    SPACE,
    "泄漏源样本比例",
    "share of the samples of the source",
    0.0,
    1.0,
    comment="where detectors alone tell of it",
)
STREET_CONCENTRATION = Variable(
    "street_concentration",
    "kg m-3",
    ("time", "edge"),
    "街道有害气体浓度",
    "gas concentration in streets",
    0.0,
    2000.0,
    comment="in the fullest box of a canyon; on an open road the highest of the cloud at the ground; missing off the grid: not known",
    gaps=True,
)
STREET_DOSE_RATE = Variable(
    "street_dose_rate",
    "s-1",
    ("time", "edge"),
    "街道毒性负荷累积速率",
    "rate of toxic dose in streets",
    0.0,
    1e6,
    tags=frozenset({"harms_people", "dose_rate"}),
    comment="mean until the next output time; its integral over time reaching 1 is AEGL-3; missing off the grid: not known",
    gaps=True,
)
MAX_STREET_CONCENTRATION = Variable(
    "max_street_concentration",
    "kg m-3",
    ("edge",),
    "街道最高浓度",
    "highest gas concentration in streets",
    0.0,
    2000.0,
    comment="of every step; missing off the grid: not known",
    gaps=True,
)
STREET_DOSE = Variable(
    "street_dose",
    "1",
    ("edge",),
    "街道毒性负荷",
    "toxic dose in streets",
    0.0,
    1e9,
    comment="of who stays there; 1 is AEGL-3; missing off the grid: not known",
    gaps=True,
)

STREET_SEVERITY = Variable(
    "street_severity",
    "1",
    ("time", "edge"),
    "街道危害程度",
    "severity of the gas in streets",
    0.0,
    1e9,
    comment="as gas_severity, of street_concentration; missing off the grid: not known",
    gaps=True,
)
MAX_STREET_SEVERITY = Variable(
    "max_street_severity",
    "1",
    ("edge",),
    "街道最高危害程度",
    "highest severity of the gas in streets",
    0.0,
    1e9,
    comment="of every frame; missing off the grid: not known",
    gaps=True,
)

#: What every release hands on; with the street form the dose rate in streets as well.
GIVES = (GAS_CONCENTRATION, TOXIC_DOSE_RATE, GAS_MAY_BURN, INDOOR_DOSE, STAY_OR_LEAVE, LEAVE_BEFORE, ADVICE_FROM)
#: Those of wind members, there where the run has them, that of a flammable gas behind.
LIKELY = (PROBABILITY_AEGL2, PROBABILITY_AEGL3, PROBABILITY_FLAMMABLE)
#: What was reached, beside what the model gives; kept for the run folder, not handed to later hazards. Each is there where the run
#: has it: a warning within it, a steady release, a flammable gas, wind members, a source that detectors tell of, streets.
REACHED = (
    GAS_SEVERITY, MAX_GAS_SEVERITY, GAS_SEVERITY_AHEAD, INDOOR_SEVERITY_AHEAD, MAX_GAS_CONCENTRATION, PEAK_GAS_CONCENTRATION,
    FLAMMABLE_SHARE, OUTDOOR_DOSE, *HARM, SOURCE_SHARE, *LIKELY, STREET_CONCENTRATION, MAX_STREET_CONCENTRATION, STREET_DOSE,
    STREET_SEVERITY, MAX_STREET_SEVERITY,
)  # fmt: skip
