"""Who and what a hazard touches: cells, ids, people and streets, chosen by a field's axes, never by a hazard's name."""

from twin.exposure.exposure import Exposure, expose
from twin.exposure.people import Moving

__all__ = ["Exposure", "Moving", "expose"]
