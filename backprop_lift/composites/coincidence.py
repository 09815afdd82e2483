"""Gradients at points where a function's own branches meet.

``if x == 0: return 1.0`` beside ``sin(x) / x`` is right in value and drops the gradient at that
very point: the branch taken holds nowhere around it. A composite notes when values on the tape
compare equal (or vanish against a small threshold), and when one is infinite or nan. Then its
gradient is confirmed by the gradients a little to either side, or taken as their limit: at a kink
the mean of both sides, at a jump that of the side which the value belongs to, and nan where there
is none.
"""

from __future__ import annotations

import copy
import functools
import types
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final

from .._bvar import PLAIN_TYPES, BVar, Named, has_bvar, record, without_numbers, youngest
from .._bvar.views import move_on
from .._space import parts_of, rebuilt
from .._tape import ADD, CALL, DIV, EDGES, MUL, SUB, Tape
from ..errors import NoGradientError
from .beside import gradient_by_limits
from .objects import by_class_statement

__all__ = ["with_limits"]

_PLAIN: Final = frozenset(PLAIN_TYPES)


def with_limits(inner: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """The result of a composite, with its gradient as the limit where its branches meet."""
    found: list[BVar] = []
    _gather((args, kwargs), found)
    if not found:
        return inner(*args, **kwargs)
    tape = youngest(found)
    call = _Call(inner, args, kwargs, [v for v in found if v._bvar_space.tape is tape], tape)
    before, tape.coincident, tape.careful = (tape.coincident, tape.careful), False, False
    result = inner(*args, **kwargs)
    met = tape.coincident or tape.careful
    tape.coincident, tape.careful = tape.coincident or before[0], tape.careful or before[1]
    return call.joined(result) if met else result


class _Call:
    """A call of a composite, as it can be repeated beside the point.

    Parameters
    ----------
    inner : callable
    args, kwargs
        They are kept as they are now: objects may be changed, and lose their BVars as the run ends.
    found : list of BVar
        Those among the arguments, of the youngest tape.
    tape : Tape
    """

    changed: Sequence[BVar] = ()
    captured: Sequence[BVar] = ()
    remembers = False

    def __init__(
        self, inner: Callable[..., Any], args: Any, kwargs: Any, found: list[BVar], tape: Tape
    ) -> None:
        self.inner = inner
        self.args = _as_now(args)
        self.kwargs = kwargs and dict(zip(kwargs, _as_now(kwargs.values()), strict=True))
        self.found, self.tape, self.start = found, tape, len(tape)
        self.given = {id(v): v._bvar_at for v in found}
        self.inputs = {v._bvar_at: (v._bvar_value, v._bvar_space) for v in found}

    @property
    def name(self) -> str:
        """Of the composite, for errors."""
        return getattr(self.inner, "__qualname__", "a composite")

    def joined(self, result: Any) -> Any:
        """The result as one node, whose gradient is the limit of those beside the point."""
        tape = self.tape
        self.changed = [v for v in self.found if v._bvar_at != self.given[id(v)]]
        whole = _taken_off([result, *self.changed], tape)
        if without_numbers(whole):
            return result
        missing = _read(tape, self.start) - set(self.inputs)
        if missing:
            self.captured = _captured((self.args, self.kwargs), missing, tape)
            self.inputs |= {v._bvar_at: (v._bvar_value, v._bvar_space) for v in self.captured}
        gradient: Callable[[Any], Any]
        if not missing <= set(self.inputs):
            gradient = functools.partial(_refuse, self.name, *_CAPTURES)
        elif tape.latest_left >= self.start:
            gradient = functools.partial(_refuse, self.name, *_REMEMBERS)
        else:
            gradient = self._limits(whole, len(tape) - self.start)
        parents = tuple((place, space) for place, (_, space) in self.inputs.items())
        joined = record(tape, whole, gradient, parents, Named(self.name))
        for i, v in enumerate(self.changed, 1):
            move_on(v, joined[i])
        return joined[0]

    def _limits(self, whole: Any, length: int) -> Callable[[Any], Any]:
        values = [value for value, _ in self.inputs.values()]
        limits = gradient_by_limits(self.name, self.again, values, whole, length)

        def gradient(dzdy: Any) -> Any:
            dzdx = limits(dzdy)
            return _refuse(self.name, *_REMEMBERS, dzdy) if self.remembers else dzdx

        return gradient

    def again(self, *xs: Any) -> Any:
        """The results, and the arguments that were changed, of a call with other values."""
        tape = youngest(xs) if has_bvar(xs) else None  # none where values alone are asked for
        begun = 0 if tape is None else len(tape)
        at = dict(zip(self.inputs, xs, strict=True))
        there = {i: at[place] for i, place in self.given.items()}
        args, kwargs = _replaced((self.args, self.kwargs), there)
        others = [at[place] for place in list(at)[len(at) - len(self.captured) :]]
        with _standing_for(self.captured, others):
            result = self.inner(*map(_beside, args), **kwargs)
        self.remembers = self.remembers or (tape is not None and tape.latest_left >= begun)
        return [result, *(there[id(v)] for v in self.changed)]


def _refuse(name: str, since: str, remedy: str, dzdy: Any) -> Any:
    raise NoGradientError(
        f"{name} has no gradient at a point where its branches meet, since {since}.", remedy
    )


def _beside(value: Any) -> Any:
    """An object for a call beside the point, which leaves the one at the point alone."""
    if by_class_statement(type(value)) and not has_bvar(value):
        with suppress(Exception):  # one that cannot be copied
            return copy.copy(value)
    return value


_CAPTURES: Final = (
    "a function that it was given depends on a BVar from elsewhere",
    "Pass the BVar as an argument, or capture it in the function itself.",
)
# Called again beside the point, it would go on from what it remembers of the point itself.
_REMEMBERS: Final = (
    "it keeps numbers in an object that was there before",
    "Take it a little beside the point, or give it an object of its own in each call.",
)


def _gather(value: Any, found: list[BVar]) -> None:
    if value.__class__ is BVar:
        found.append(value)
    elif has_bvar(value):
        for _, part in parts_of(value) or ():
            _gather(part, found)


def _read(tape: Tape, start: int) -> set[int]:
    """What the nodes since `start` read of before."""
    return {p for node in tape[start:] for p in _parents(node) if p < start}


def _parents(node: Any) -> Iterator[int]:
    if node[0] == CALL:
        yield from (p for p, _ in node[2])
    elif node[0] == EDGES:
        yield from (edge[0] for edge in node[1])
    else:
        yield node[1]
        if node[0] in (MUL, DIV, ADD, SUB):
            yield node[2]


def _captured(value: Any, places: set[int], tape: Tape) -> list[BVar]:
    """The BVars at some places of a tape that functions among the arguments captured."""
    found: dict[int, BVar] = {}
    seen: set[int] = set()
    pending = [value]
    while pending:
        value = pending.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if value.__class__ is BVar:
            if value._bvar_space.tape is tape and value._bvar_at in places:
                found.setdefault(value._bvar_at, value)
        elif isinstance(value, types.FunctionType):
            pending.extend(value.__defaults__ or ())
            pending.extend((value.__kwdefaults__ or {}).values())
            for cell in value.__closure__ or ():
                if cell != types.CellType():  # is not empty
                    pending.append(cell.cell_contents)
        elif isinstance(value, types.MethodType):
            pending += [value.__self__, value.__func__]
        elif isinstance(value, functools.partial):
            pending += [value.func, value.args, value.keywords]
        else:
            pending.extend(part for _, part in parts_of(value) or ())
    return list(found.values())


@contextmanager
def _standing_for(captured: Sequence[BVar], others: list[Any]) -> Iterator[None]:
    """Let captured BVars be others for a while."""
    before = [(v._bvar_value, v._bvar_space, v._bvar_at) for v in captured]
    try:
        for v, other in zip(captured, others, strict=True):
            v._bvar_value, v._bvar_space = other._bvar_value, other._bvar_space
            v._bvar_at = other._bvar_at
        yield
    finally:
        for v, (value, space, at) in zip(captured, before, strict=True):
            v._bvar_value, v._bvar_space, v._bvar_at = value, space, at


def _as_now(values: Iterable[Any]) -> tuple[Any, ...]:
    """Arguments as they are now: objects may be changed, and lose their BVars as the run ends."""
    return tuple(
        [v if v.__class__ in _PLAIN or v.__class__ is BVar else _replaced(v, {}) for v in values]
    )


def _replaced(value: Any, there: dict[int, Any]) -> Any:
    if value.__class__ is BVar or not has_bvar(value):
        return there.get(id(value), value)
    return rebuilt(value, [(key, _replaced(part, there)) for key, part in parts_of(value) or ()])


def _taken_off(value: Any, tape: Any) -> Any:
    if value.__class__ is BVar:
        return value._bvar_value if value._bvar_space.tape is tape else value
    parts = parts_of(value)
    if parts is None:
        return value
    return rebuilt(value, [(key, _taken_off(part, tape)) for key, part in parts])
