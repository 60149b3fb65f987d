"""One small error family.

An error carries a code and values, never a sentence: the sentence (what, where, found, expected, what to do)
is written once per language in `twin/words`, so a message reads equally well in Chinese and in English.
"""

from __future__ import annotations

from collections.abc import Mapping

from twin.words import brief


class TwinError(Exception):
    """Something a user can mend; `code` names the sentence `error.<code>` in the words catalogue, `values` fill it.

    It is raised with its code and named values. Its `args` are the code and the values, enough to make it again: so it
    survives a copy, a process border, and the event loop of SimPy, which raises `type(error)(*error.args)`.
    """

    def __init__(self, code: str, given: Mapping[str, object] | None = None, /, **values: object) -> None:
        self.code = code
        self.values: dict[str, object] = {**(given or {}), **values}
        super().__init__(code, self.values)

    def message(self, lang: str | None = None) -> str:
        """Return the full sentence in `lang` ("zh" or "en"; default: the session's language)."""
        return brief(f"error.{self.code}", lang=lang, **self.values)

    def in_words(self, lang: str) -> str:
        """Return the full sentence in `lang`, where this error is a value of another sentence."""
        return self.message(lang)

    def __str__(self) -> str:
        return self.message()


class SourceError(TwinError):
    """An input file or folder cannot be used as it is."""


class ScenarioError(TwinError):
    """A scenario asks for something that is missing, misspelt or contradictory."""


class RecordError(TwinError):
    """Something kept (a run, a plan, the log, the database) is damaged, was changed, or cannot be reached."""


class ContractError(TwinError):
    """A dataset does not carry the variables, dimensions, units or range that were promised."""


class NumericsError(TwinError):
    """A model left its domain: a negative amount, lost balance, a step that collapsed."""
