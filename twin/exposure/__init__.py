"""Who and what a hazard touches: cells, ids, people and streets, chosen by a field's axes, never by a hazard's name."""

from twin.exposure.exposure import PLACE_COLOUR, Exposure, expose, worst_colours
from twin.exposure.people import Moving

__all__ = ["PLACE_COLOUR", "Exposure", "Moving", "expose", "worst_colours"]
