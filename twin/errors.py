"""One small error family.

An error carries a code and values, never a sentence: the sentence (what, where, found, expected, what to do)
is written once per language in `twin/words`, so a message reads equally well in Chinese and in English.
"""

from __future__ import annotations

from collections.abc import Mapping

from twin.words import say


class TwinError(Exception):
    """Something a user can mend; `code` names the sentence `error.<code>` in the words catalogue, `values` fill it.

    Raise it as `TwinError("code", name=value)`. Its `args` are code and values, enough to make it again, so it crosses a
    process border, a copy, and the event loop of SimPy, which raises `type(error)(*error.args)`.
    """

    def __init__(self, code: str, given: Mapping[str, object] | None = None, /, **values: object) -> None:
        self.code = code
        self.values: dict[str, object] = {**(given or {}), **values}
        super().__init__(code, self.values)

    def message(self, lang: str | None = None) -> str:
        """Return the full sentence in `lang` ("zh" or "en"; default: the session's language)."""
        return say(f"error.{self.code}", lang=lang, **self.values)

    def __str__(self) -> str:
        return self.message()


class SourceError(TwinError):
    """An input file or folder cannot be used as it is."""


class ScenarioError(TwinError):
    """A scenario asks for something that is missing, misspelt or contradictory."""


class ContractError(TwinError):
    """A dataset does not carry the variables, dimensions, units or range that were promised."""


class NumericsError(TwinError):
    """A model left its domain: negative water, lost balance, a step that collapsed."""
