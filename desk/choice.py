"""Choices that live in the page's address: a change of language, a finishing run or a reload leaves them as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st


def one_of(
    widget: Callable[..., Any], label: str, options: Sequence[str], *, key: str, default: str | None, **drawn: Any
) -> str | None:
    """Let the planner choose one of `options` with `widget` (st.radio, st.selectbox); return the choice.

    The choice is what the address holds under `key`, else `default`, which is then written there. With a `default` of None nothing
    is chosen until the planner does.
    """
    asked = st.query_params.get(key)
    choice = asked if asked in options else default
    if choice is not None and choice != asked:
        st.query_params[key] = choice
    if st.session_state.get(key, "") != choice:
        st.session_state[key] = choice
    found: str | None = widget(label, options, key=key, on_change=_keep, args=(key,), **drawn)
    return found


def _keep(key: str) -> None:
    """Write what the widget holds into the address, before the page is drawn again."""
    if (choice := st.session_state[key]) is None:
        del st.query_params[key]
    else:
        st.query_params[key] = choice
