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

import numpy as np

from .._bvar import PLAIN_TYPES, BVar, Named, has_bvar, record, without_numbers, youngest
from .._bvar.views import move_on
from .._run import backprop_with
from .._space import parts_of, rebuilt, zero
from .._tape import ADD, CALL, DIV, EDGES, MUL, SUB, Tape
from ..errors import NoGradientError
from .limits import Around
from .numbers import combined, leaves_of, moved, numbers_of, rooted, with_numbers
from .objects import by_class_statement

__all__ = ["with_limits"]

# Where a derivative of the gradient is asked for: relative distances to the point, the best first,
# and the weights of an extrapolation to 0 from 1, 2, 4 and 8 times such a distance.
_APART: Final = (2e-3, 5e-4, 3.2e-5)
_WEIGHTS: Final = (64 / 21, -8 / 3, 2 / 3, -1 / 21)
_AGREE: Final = 1e-5
# Runs of so many nodes are kept while the gradients of several numbers are computed.
_KEPT: Final = 20_000
# Up to so many nodes, and of so many numbers of the result, the gradient of each is a limit of its
# own.
_ALONE: Final = ((300, 64), (_KEPT, 16), (np.inf, 1))
_PLAIN: Final = frozenset(PLAIN_TYPES)
# After so many refused gradients, values alone are asked for.
_MOST_REFUSALS: Final = 3


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
        limits = _gradient_by_limits(self.name, self.again, values, whole, length)

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


def _gradient_by_limits(
    name: str, again: Callable[..., Any], values: list[Any], result: Any, length: int
) -> Callable[[Any], list[Any]]:
    """The scaled gradient of a function at a point where its branches meet.

    Parameters
    ----------
    name : str
        Of the function, for errors.
    again : callable
        The function, of as many arguments as there are values.
    values : list
        Where it was called.
    result : object
        What it returned there.
    length : int
        The number of nodes that it recorded.
    """
    roots = [rooted(value) for value in values]
    at = numbers_of(roots)
    finite = np.isfinite(numbers_of(rooted(result)))

    def gradient(xs: list[Any], dzdy: Any, there: bytes = b"") -> tuple[Any, list[Any]]:
        run = runs.get(there) or backprop_with(again, *xs)
        if there and length <= _KEPT:
            runs[there] = run
        y, scaled_grad = run
        dzdxs = scaled_grad(dzdy)
        return y, [dzdxs] if len(xs) == 1 else list(dzdxs)

    def scaled_grad(dzdy: Any) -> list[Any]:
        if has_bvar([values, dzdy]):
            return limit_of(dzdy, nested=True)
        weights = np.where(finite, numbers_of(rooted(dzdy)), 0.0)
        used = np.flatnonzero(weights)
        if len(used) > next(most for longest, most in _ALONE if length <= longest):
            return limit_of(dzdy, nested=False)
        # of each number of the result alone, so that what is found is linear in dzdy
        total: Any = 0.0
        like: Any = [zero(x) for x in roots]
        for i in used.tolist():
            if i not in alone:
                unit = with_numbers(dzdy, iter(np.arange(len(weights)) == i))
                alone[i] = limit_of(unit, nested=False)
            like = alone[i]
            total = total + weights[i] * numbers_of(like)
        runs.clear()
        return list(with_numbers(like, iter(np.broadcast_to(total, at.shape))))

    alone: dict[int, list[Any]] = {}
    runs: dict[bytes, Any] = {}  # while rows are computed, by the shift

    def limit_of(dzdy: Any, nested: bool) -> list[Any]:
        try:
            _, recorded = gradient(values, dzdy)
        except NoGradientError:  # at this very point, it may be
            if nested:
                raise
            recorded = [zero(x) for x in roots]
        seed = rooted(dzdy)
        weights = np.where(finite, numbers_of(seed), 0.0)

        def weighed(y: Any) -> float:
            """The finite numbers of a result, weighed by their cotangents; nan if one ceases."""
            numbers = numbers_of(rooted(y))
            if numbers.shape != weights.shape:
                return np.nan
            return float(np.dot(numbers[weights != 0], weights[weights != 0]))

        def gradient_at(shift: Any) -> Any:
            xs = moved(roots, iter(shift))
            unknown = np.full(at.shape, np.nan)
            if len(refusals) >= _MOST_REFUSALS:
                return (weighed(again(*xs)), unknown) if _can_be_called(again, xs) else None
            try:
                y, dzdxs = gradient(xs, seed, b"" if nested else shift.tobytes())
            except Exception as error:
                try:
                    y = again(*xs)
                except Exception:  # whatever a function raises outside its domain
                    if not np.any(shift):
                        raise error from None
                    return None
                refusals.append(error)
                return weighed(y), unknown  # the value may still tell the slope
            if len(numbers_of(rooted(y))) != len(finite):
                refusals.append(_no_gradient(name, "its result takes another form beside it"))
                return np.nan, unknown
            return weighed(y), numbers_of(rooted(dzdxs))

        refusals: list[Exception] = []
        around = Around(at, leaves_of(roots), gradient_at)
        if not np.isclose(around.value, weighed(result), 1e-10, 0.0, equal_nan=True):
            raise NoGradientError(
                f"{name} gives another result when it is called again, at a point where its "
                "branches meet.",
                "Its gradient there is a limit, which needs several calls: make it repeatable.",
            )
        limit = around.limit()
        if refusals and np.all(np.isnan(limit)):
            raise refusals[0]
        if around.contradicts(limit):
            raise _no_gradient(name, "comparisons alone decide its result, as in a bisection")
        if not nested and not has_bvar(recorded):
            return list(with_numbers(recorded, iter(limit)))
        return _with_derivative(name, lambda xs: gradient(xs, dzdy)[1], values, around, limit)

    return scaled_grad


def _can_be_called(function: Callable[..., Any], xs: list[Any]) -> bool:
    try:
        function(*xs)
    except Exception:  # whatever a function raises outside its domain
        return False
    return True


def _no_gradient(name: str, why: str) -> NoGradientError:
    return NoGradientError(
        f"{name} has no gradient at a point where its branches meet.",
        "Take it a little beside the point, or write a rule: lifted(grad=...).",
        why=why,
    )


def _with_derivative(
    name: str,
    gradient: Callable[[list[Any]], list[Any]],
    values: list[Any],
    around: Around,
    limit: Any,
) -> list[Any]:
    """The gradient as a number with a derivative: that of its extrapolation from both sides."""
    for apart in _APART:
        sides = []
        for sign in (1.0, -1.0):
            step = sign * apart * around.sizes * around.u
            shifts = [factor * step for factor in (1.0, 2.0, 4.0, 8.0)]
            if all(around.gradient_at(shift) is not None for shift in shifts):
                gradients = [gradient(moved(values, iter(shift))) for shift in shifts]
                sides.append(combined(_WEIGHTS, gradients))
        if not sides:
            continue
        found = combined((1 / len(sides),) * len(sides), sides)
        known = numbers_of(found)
        if np.all(np.abs(known - limit) <= _AGREE * (np.abs(limit) + np.max(np.abs(limit)))):
            rest = with_numbers(found, iter(limit - known))
            return list(combined((1.0, 1.0), [found, rest]))
    raise NoGradientError(
        f"{name} has no second derivative at a point where its branches meet.",
        "Take the derivative a little beside the point.",
    )
