"""The recorder, in the process that is recorded: it notes calls of a package's functions.

Functions are told to call it when they begin. It looks at a call long enough to see whether it is
of a new kind, by its structure, shapes, dtypes, options and the sizes of its numbers; of a new
kind it writes a line of a samples file at once, so that a run may end at any time. What it has seen
often it looks at less and less, and at last lets go of the function altogether.
"""

from __future__ import annotations

import inspect
import json
import math
import os
import sys
import threading
import types
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import numpy as np

from ..gradcheck.doctests import _is_running, _python_function
from ..gradcheck.leaves import parts
from ..gradcheck.samples import Sample, canonical, shape_of_call
from ..gradcheck.samples_file import said_sample
from .prologue import with_prologue

__all__ = ["watch"]

# Calls that are kept: of one kind, and of one function.
_OF_A_KIND: Final = 3
_OF_A_FUNCTION: Final = 120
# Calls in a row that were of no new kind, after which fewer are looked at, and none any more.
_MANY: Final = 1_000
_ENOUGH: Final = 2_500
_LONGEST: Final = 400_000
# Characters of all calls of one function: long ones are left out before short ones.
_ALL_OF_A_FUNCTION: Final = 2_000_000
# Integers up to here are orders, counts and choices.
_SMALL: Final = 16

_busy = threading.local()


def watch(modules: Iterable[Any]) -> None:
    """Watch the functions and methods that modules define.

    Parameters
    ----------
    modules : iterable of module
        Those that have just been imported.
    """
    for module in modules:
        for name, function in _defined(module):
            inner = _python_function(function)
            if inner is not None and id(inner) not in _watched:
                _watched[id(inner)] = _Watched(name, inner)


_watched: Final[dict[int, _Watched]] = {}


def _defined(module: Any) -> Iterator[tuple[str, Any]]:
    """The functions and methods that a module defines, with the names that samples files use."""
    for name, value in list(vars(module).items()):
        if getattr(value, "__module__", None) != module.__name__:
            continue
        if isinstance(value, type):
            for inner, member in list(vars(value).items()):
                function = member.fget if isinstance(member, property) else member
                if isinstance(function, types.FunctionType):
                    shown = name if inner == "__init__" else f"{name}.{inner}"
                    yield f"{module.__name__}.{shown}", function
        elif callable(value):
            yield f"{module.__name__}.{name}", value


class _Watched:
    """A function whose calls are noted."""

    def __init__(self, name: str, function: Any) -> None:
        self.name = name
        self.function = function
        self.is_init = function.__name__ == "__init__"
        self.kinds: dict[Any, int] = {}
        self.kept = 0
        self.left = _ALL_OF_A_FUNCTION
        self.passed = 0
        self.in_a_row = 0
        self.let_go = _begun(function, self.noted)

    def noted(self, frame: types.FrameType) -> None:
        """Look at a call, which has just begun."""
        if self.passed:
            self.passed -= 1
            return
        if getattr(_busy, "now", False):
            return
        _busy.now = True
        try:
            self._look(frame)
        except Exception:  # a call that cannot be looked at is none
            self._saw_nothing_new()
        finally:
            _busy.now = False

    def _look(self, frame: types.FrameType) -> None:
        sample = _sample(self.function, frame)
        if self.is_init:
            sample = Sample(sample.args[1:], sample.settings)
        kind = _kind(sample)
        count = self.kinds.get(kind, 0)
        if count >= _OF_A_KIND:
            self._saw_nothing_new()
            return
        said = said_sample(self.name, Sample(sample.args, sample.settings, _origin()))
        line = b"" if said is None else json.dumps(said).encode() + b"\n"
        if not 0 < len(line) < min(_LONGEST, self.left):
            self.kinds[kind] = _OF_A_KIND
            self._saw_nothing_new()
            return
        self.kinds[kind] = count + 1
        self.in_a_row = 0
        _append(line)
        self.left -= len(line)
        self.kept += 1
        if self.kept >= _OF_A_FUNCTION:
            self.let_go()

    def _saw_nothing_new(self) -> None:
        self.in_a_row += 1
        self.passed = max(0, self.in_a_row - _MANY) // 20
        if self.in_a_row >= _ENOUGH:
            self.let_go()


def _sample(function: Any, frame: types.FrameType) -> Sample:
    code, values = frame.f_code, frame.f_locals
    count = code.co_argcount + code.co_kwonlyargcount
    count += bool(code.co_flags & inspect.CO_VARARGS)
    count += bool(code.co_flags & inspect.CO_VARKEYWORDS)
    return canonical(function, {name: values[name] for name in code.co_varnames[:count]}, "")


def _kind(sample: Sample) -> str:
    """What tells one kind of call from another: as for samples, and the sizes of numbers too."""
    given = (*sample.args, *sample.settings.values())
    return repr((shape_of_call(sample), [_size(value) for value in given]))


def _size(value: Any, depth: int = 0) -> Any:
    """Sign and order of magnitude of a number: other branches are often taken by other sizes."""
    if isinstance(value, (bool, str)) or value is None:
        return None
    if isinstance(value, (int, np.integer)):
        number = int(value)
        return number if abs(number) <= _SMALL else number.bit_length()
    if isinstance(value, (float, np.floating)):
        if not math.isfinite(value):
            return str(value)
        return bool(value > 0), bool(value < 0), math.frexp(value)[1] // 4
    if isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.size:
        finite = value[np.isfinite(value)]
        ends = (finite.min(), finite.max()) if finite.size else ()
        return finite.size == value.size, [_size(float(end)) for end in ends]
    found = parts(value) if depth < 3 else None
    return None if found is None else [_size(part, depth + 1) for _, part in found[:8]]


def _origin() -> str:
    """What made the call: a test, or a program."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
    return f"tests {test}" if test else f"run {os.path.basename(sys.argv[0] or 'python')}"


def _append(line: bytes) -> None:
    """Write a line at the end of the file, in one go: several processes may write to it."""
    path = os.environ["BACKPROP_LIFT_RECORDS_TO"]
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line)
    finally:
        os.close(descriptor)


# How a function comes to call the recorder.

Note = Callable[[types.FrameType], None]


def _begun(function: Any, note: Note) -> Callable[[], None]:
    """Let a function call when it begins; what is given back ends that."""
    if hasattr(sys, "monitoring"):
        return _monitored(function, note)
    before = function.__code__
    code = with_prologue(before, lambda: note(sys._getframe(1)))
    if code is None:
        return lambda: None
    function.__code__ = code

    def let_go() -> None:
        if function.__code__ is code:
            function.__code__ = before

    return let_go


_notes: Final[dict[types.CodeType, list[tuple[Any, Note]]]] = {}


def _monitored(function: Any, note: Note) -> Callable[[], None]:
    monitoring: Any = getattr(sys, "monitoring", None)
    if not _notes:
        free = (tool for tool in (4, 3, 5) if monitoring.get_tool(tool) is None)
        _tool.append(next(free))
        monitoring.use_tool_id(_tool[0], "backprop-lift")
        monitoring.register_callback(_tool[0], monitoring.events.PY_START, _started)
    code = function.__code__
    _notes.setdefault(code, []).append((function, note))
    monitoring.set_local_events(_tool[0], code, monitoring.events.PY_START)

    def let_go() -> None:
        _notes[code] = [pair for pair in _notes[code] if pair[0] is not function]
        if not _notes[code]:
            monitoring.set_local_events(_tool[0], code, 0)

    return let_go


_tool: Final[list[int]] = []


def _started(code: types.CodeType, _: int) -> None:
    frame = sys._getframe(1)
    candidates = _notes.get(code, ())
    for function, note in candidates:
        if len(candidates) == 1 or _is_running(function, frame):
            note(frame)
            return
