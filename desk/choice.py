"""Choices that live in the page's address: a change of language, a finishing run or a reload leaves them as they are."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st


def one_of(
    widget: Callable[..., Any],
    label: str,
    options: Sequence[str],
    *,
    key: str,
    default: str | None,
    format_func: Callable[[str], str] = str,
    **drawn: Any,
) -> str | None:
    """Let the planner choose one of `options` with `widget` (st.radio, st.selectbox); return the choice.

    The choice is what the address holds under `key`, else `default`, which is then written there. With a `default` of None nothing
    is chosen until the planner does. A widget knows an option by how it is written: when that changes (another language, a run
    that was computed again), a new widget takes its place, with the same choice.
    """
    asked = st.query_params.get(key)
    choice = asked if asked in options else default
    if choice is not None and choice != asked:
        st.query_params[key] = choice
    name = f"{key}:{zlib.crc32('|'.join(map(format_func, options)).encode()):08x}"
    st.session_state[name] = choice
    widget(label, options, key=name, format_func=format_func, on_change=_keep, args=(key, name), **drawn)
    return choice


def _keep(key: str, name: str) -> None:
    """Write what the widget called `name` holds into the address, before the page is drawn again."""
    if (choice := st.session_state[name]) is not None:
        st.query_params[key] = choice
