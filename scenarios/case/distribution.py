"""What a quantity of an ensemble is drawn from."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import ConfigDict, Field, StrictBool

from scenarios.case.part import Part

Pair = Annotated[list[float], Field(min_length=2, max_length=2)]


class Distribution(Part):
    """A distribution, in exactly one of these forms."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1, "maxProperties": 1})

    uniform: Pair | None = Field(None, description="[least, most]")
    normal: Pair | None = Field(None, description="[mean, standard deviation]")
    lognormal: Pair | None = Field(None, description="[median, standard deviation of the logarithm]")
    choice: Annotated[list[StrictBool | float | str], Field(min_length=1)] | None = Field(
        None, description="values, equally likely"
    )

    @property
    def is_whole(self) -> bool:
        """Whether exactly one form is written, with figures that make a distribution."""
        if len(self.model_fields_set) != 1:
            return False
        if self.uniform is not None:
            return self.uniform[0] < self.uniform[1]
        if self.normal is not None:
            return self.normal[1] > 0.0
        if self.lognormal is not None:
            return min(self.lognormal) > 0.0
        return self.choice is not None

    @property
    def ends(self) -> list[float | str]:
        """The values between which all draws lie, or all values that are drawn; none for a form without bounds."""
        return [*(self.uniform or self.choice or [])]

    def draw(self, rng: np.random.Generator) -> float | str:
        """Return one draw."""
        if self.uniform is not None:
            return rng.uniform(self.uniform[0], self.uniform[1])
        if self.normal is not None:
            return rng.normal(self.normal[0], self.normal[1])
        if self.lognormal is not None:
            return self.lognormal[0] * math.exp(self.lognormal[1] * float(rng.standard_normal()))
        options = self.choice or []
        return options[int(rng.integers(len(options)))]

    def __str__(self) -> str:
        ((form, figures),) = self.model_dump(exclude_unset=True).items()
        return f"{form} [{', '.join(f'{v:g}' if isinstance(v, float) else str(v) for v in figures)}]"
