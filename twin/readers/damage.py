"""A damaged file is told as one: what a format's own library raises on it is of many kinds and foreseen by nobody."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

from twin.errors import SourceError, TwinError

P = ParamSpec("P")
T = TypeVar("T")


def damage_told(read: Callable[Concatenate[Path, P], T]) -> Callable[Concatenate[Path, P], T]:
    """Return a reader (its first argument the file) whose every failure is a SourceError that names the file."""

    @wraps(read)
    def told(path: Path, *args: Any, **kwargs: Any) -> T:
        try:
            return read(path, *args, **kwargs)
        except TwinError:
            raise
        except Exception as error:
            found = str(error).splitlines()[0] if str(error).strip() else type(error).__name__
            raise SourceError("file_unreadable", where=str(path), found=found) from error

    return told
