"""Child processes for the members of an ensemble: one call at a time each, and it is known which call a process died in."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

import psutil

from twin.errors import ScenarioError
from twin.jit import use_threads

#: So often the one who waits is called, s.
TICK_S = 0.2

#: A child that does not end when it is told to is killed after this long, s.
PATIENCE_S = 5.0


class ChildDiedError(Exception):
    """The process that ran the call `item` ended without an answer; `code` is its exit code, negative for a signal."""

    def __init__(self, item: int, code: int | None) -> None:
        super().__init__(item, code)
        self.item, self.code = item, code


class CallFailedError(Exception):
    """The call `item` raised: what, is its cause."""

    def __init__(self, item: int) -> None:
        super().__init__(item)
        self.item = item


class Executor(Protocol):
    """Runs `function` on each of `calls` somewhere else and yields (number of the call, what it returned) as they finish.

    `tick` is called while it waits; what that raises ends the whole. The first call that fails ends it too, with CallFailedError
    or ChildDiedError. When it ends, nothing of it runs any more.
    """

    def __call__(
        self, function: Callable[[Any], Any], calls: Sequence[Any], tick: Callable[[], None]
    ) -> Iterator[tuple[int, Any]]:
        """Run the calls."""
        ...


def executor(address: str = "process") -> Executor:
    """Return what runs members: "process" is child processes of this machine, one a core."""
    known: dict[str, Executor] = {"process": in_processes}
    if address not in known:
        raise ScenarioError("executor", found=address, expected=sorted(known))
    return known[address]


def in_processes(
    function: Callable[[Any], Any], calls: Sequence[Any], tick: Callable[[], None]
) -> Iterator[tuple[int, Any]]:
    """Run calls in child processes made by spawn, at most one a core; see `Executor`."""
    waiting = deque(range(len(calls)))
    children = [_Child() for _ in range(at_once(len(calls)))]
    try:
        for child in children:
            child.begin(waiting.popleft(), function, calls)
        while busy := {child.pipe: child for child in children if child.busy}:
            tick()
            for pipe in wait(list(busy), timeout=TICK_S):
                child = busy[pipe]  # type: ignore[index]
                yield child.answer()
                if waiting:
                    child.begin(waiting.popleft(), function, calls)
    finally:
        for child in children:
            child.process.terminate()
        for child in children:
            child.process.join(PATIENCE_S)
            child.process.kill()


def at_once(calls: int) -> int:
    """Return how many of so many calls run at one time."""
    return min(_cores(), calls)


class _Child:
    """One child process; while it is `busy`, `item` is the number of the call that it is at."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.item, self.busy = 0, False

    def begin(self, item: int, function: Callable[[Any], Any], calls: Sequence[Any]) -> None:
        """Hand it a call."""
        self.item, self.busy = item, True
        try:
            self.pipe.send((function, calls[item]))
        except OSError:  # it is dead already: `answer` says so
            return

    def answer(self) -> tuple[int, Any]:
        """Return the number of its call and what that returned; raise what it raised as the cause of CallFailedError."""
        self.busy = False
        try:
            done, value = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join(PATIENCE_S)
            raise ChildDiedError(self.item, self.process.exitcode) from None
        if not done:
            raise CallFailedError(self.item) from value
        return self.item, value


def _serve(pipe: Connection) -> None:
    """Answer calls until the parent is gone; one kernel thread, because the children share the cores."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_threads(1)
    while True:
        try:
            function, call = pipe.recv()
        except EOFError:
            return
        try:
            answer = True, function(call)
        except Exception as error:
            answer = False, _sendable(error)
        pipe.send(answer)


def _end_with_parent() -> None:
    """End this process as soon as its parent has ended, however that came."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _sendable(error: Exception) -> Exception:
    """Return an error as it crosses the border of a process: itself where it can, else its text."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


def _cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
