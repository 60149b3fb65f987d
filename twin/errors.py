"""One small error family.

An error carries a code and values, never a sentence: the sentence (what, where, found, expected, what to do)
is written once per language in `twin/words`, so a message reads equally well in Chinese and in English.
"""

from __future__ import annotations

from twin.words import say


class TwinError(Exception):
    """Something a user can mend; `code` names the sentence `error.<code>` in the words catalogue."""

    def __init__(self, code: str, **values: object) -> None:
        self.code = code
        self.values = values
        super().__init__(code)

    def message(self, lang: str | None = None) -> str:
        """Return the full sentence in `lang` ("zh" or "en"; default: the session's language)."""
        return say(f"error.{self.code}", lang=lang, **self.values)

    def __str__(self) -> str:
        return self.message()

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.code, self.values)


def _rebuild(kind: type[TwinError], code: str, values: dict[str, object]) -> TwinError:
    return kind(code, **values)


class SourceError(TwinError):
    """An input file or folder cannot be used as it is."""


class ScenarioError(TwinError):
    """A scenario asks for something that is missing, misspelt or contradictory."""


class ContractError(TwinError):
    """A dataset does not carry the variables, dimensions, units or range that were promised."""


class NumericsError(TwinError):
    """A model left its domain: negative water, lost balance, a step that collapsed."""
