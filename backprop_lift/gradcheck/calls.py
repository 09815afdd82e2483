"""One call of a function, seen as a map from the coordinates of its moving arguments to results.

The original is run on fresh copies of its arguments at any coordinates; its twin is run under a
runner, with the same arguments moving.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import io
import signal
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from .._lift.rule import Rule
from .._registry import Entry, registry
from .coordinates import Coordinates
from .leaves import at_path
from .samples import Sample

__all__ = ["Call", "TimeIsUp", "limited", "moving_places", "quiet"]

Vector = npt.NDArray[np.float64]
Place = tuple[str, Any]


class TimeIsUp(BaseException):
    """A call did not end in time; no ordinary ``except Exception`` swallows it."""


@contextlib.contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Raise `TimeIsUp` in the block after some seconds of computing; in the main thread only.

    What waits for something is given four times as long, so that a busy machine makes no
    difference to what computes. An alarm that was set already goes on afterwards.
    """
    if not seconds or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(*_: Any) -> None:
        raise TimeIsUp

    # They ring again, for a function that swallows everything.
    again = max(seconds / 10, 0.1)
    handlers = [signal.signal(number, ring) for number in (signal.SIGVTALRM, signal.SIGALRM)]
    computing = signal.setitimer(signal.ITIMER_VIRTUAL, seconds, again)
    waiting = signal.setitimer(signal.ITIMER_REAL, 4 * seconds, again)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, *waiting)
        signal.setitimer(signal.ITIMER_VIRTUAL, *computing)
        for number, handler in zip((signal.SIGVTALRM, signal.SIGALRM), handlers, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep warnings, floating point complaints and prints of checked functions to ourselves."""
    with (
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        yield


def signature_of(function: Any, entry: Entry | None = None) -> inspect.Signature | None:
    """The signature of a function: that of its rule, or its own; None where there is none."""
    entry = registry.find(function) if entry is None else entry
    if entry is not None and isinstance(entry.rule, Rule):
        entry.rule.prepare()
        return entry.rule.signature
    try:
        return inspect.signature(function)
    except (ValueError, TypeError):
        return None


def moving_places(
    function: Any,
    sample: Sample,
    wrt: tuple[str, ...] | None,
    *,
    integers: bool = False,
    entry: Entry | None = None,
) -> list[tuple[str, Place]]:
    """Which arguments of a call move, as (name, place).

    Parameters
    ----------
    function : callable
    sample : Sample
    wrt : tuple of str or None
        Names of parameters, whether given by position or keyword; or None for every argument that
        holds a real or complex number.
    integers : bool, optional
        Do integers count as numbers?
    entry : Entry, optional
        Of the function, where it is not that of the registry.

    Returns
    -------
    list
        A place is ``("args", index)`` or ``("settings", name)``.
    """
    names = _names_of_places(function, sample, entry)
    found = []
    for place, name in names.items():
        bare = name.split("[")[0]
        if wrt is not None and bare not in wrt and name not in wrt:
            continue
        value = sample.args[place[1]] if place[0] == "args" else sample.settings[place[1]]
        if len(Coordinates(value, integers=integers)):
            found.append((name, place))
    return found


def _names_of_places(function: Any, sample: Sample, entry: Entry | None) -> dict[Place, str]:
    signature = signature_of(function, entry)
    names: list[str] = []
    rest = "args"
    if signature is not None:
        for name, p in signature.parameters.items():
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
                names.append(name)
            elif p.kind is p.VAR_POSITIONAL:
                rest = name
    found: dict[Place, str] = {}
    for i in range(len(sample.args)):
        known = i < len(names)
        found["args", i] = names[i] if known else f"{rest}[{i - len(names)}]"
    for key in sample.settings:
        found["settings", key] = key
    return found


class Call:
    """A call of a function at which its gradient is checked.

    Parameters
    ----------
    function : callable
        The original.
    sample : Sample
    places : list
        The moving arguments, as `moving_places` gives them.
    integers : bool, optional
        Do integers in them become floats?

    Attributes
    ----------
    names : list of str
        Of the moving arguments.
    here : list of Coordinates
        Of each moving argument.
    origin : ndarray, shape (n,)
        All their coordinates.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        sample: Sample,
        places: list[tuple[str, Place]],
        *,
        integers: bool = False,
    ) -> None:
        self.function = function
        self.sample = sample
        self.names = [name for name, _ in places]
        self.places = [place for _, place in places]
        self.here = [Coordinates(self._at(place), integers=integers) for place in self.places]
        self.starts = np.cumsum([0, *map(len, self.here)]).tolist()
        self.origin: Vector = np.concatenate([c.vector for c in self.here] or [np.zeros(0)])
        self.result: Coordinates | None = None

    def _at(self, place: Place) -> Any:
        kind, key = place
        return self.sample.args[key] if kind == "args" else self.sample.settings[key]

    def part(self, index: int) -> slice:
        """Where the coordinates of a moving argument stand in the vector of all."""
        return slice(self.starts[index], self.starts[index + 1])

    def arguments(self, vector: Vector) -> list[Any]:
        """The moving arguments at given coordinates, new objects each time."""
        return [c.rebuilt(vector[self.part(i)]) for i, c in enumerate(self.here)]

    def with_moving(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A function of the moving arguments alone; the others are copied for each call."""

        def moved(*xs: Any) -> Any:
            fixed = set(self.places)
            args = [
                None if ("args", i) in fixed else copied(value)
                for i, value in enumerate(self.sample.args)
            ]
            settings = {
                key: None if ("settings", key) in fixed else copied(value)
                for key, value in self.sample.settings.items()
            }
            for (kind, key), x in zip(self.places, xs, strict=True):
                if kind == "args":
                    args[key] = x
                else:
                    settings[key] = x
            return function(*args, **settings)

        moved.__name__ = moved.__qualname__ = getattr(function, "__name__", "function")
        moved.__module__ = getattr(function, "__module__", None) or "builtins"
        return moved

    def plain(self, vector: Vector) -> Any:
        """The original's result."""
        return self.with_moving(self.function)(*self.arguments(vector))

    def evaluate(self, vector: Vector) -> Vector | None:
        """Coordinates of the original's result, or None where it has none of the same structure."""
        try:
            result = self.plain(vector)
        except (Exception, SystemExit):
            return None
        assert self.result is not None
        return coordinates_like(result, self.result)

    def evaluate_complex(self, vector: Any) -> Any:
        """Numbers of the original's result at complex coordinates, for a complex step."""
        assert self.result is not None
        result = self.plain(vector)
        pieces = [np.ravel(at_path(result, leaf.path)) for leaf in self.result.leaves]
        if any(leaf.is_complex for leaf in self.result.leaves):
            raise TypeError
        return np.concatenate(pieces)


def coordinates_like(value: Any, like: Coordinates) -> Vector | None:
    """The coordinates of a result of the same structure as another, or None."""
    if value.__class__ is float and like.value.__class__ is float:
        return np.array([value])
    found = Coordinates(value, integers=True)
    if len(found.leaves) != len(like.leaves):
        found = Coordinates(value)
        if len(found.leaves) != len(like.leaves):
            return None
    for a, b in zip(found.leaves, like.leaves, strict=True):
        if a.path != b.path or a.shape != b.shape:
            return None
        if a.is_complex != b.is_complex:
            return _made_complex(found, like)
    return found.vector


def _made_complex(found: Coordinates, like: Coordinates) -> Vector | None:
    """Coordinates where a result is real or complex by its value, as numpy.roots gives it."""
    pieces = []
    for a, b in zip(found.leaves, like.leaves, strict=True):
        piece = found.vector[a.start : a.stop]
        if b.is_complex and not a.is_complex:
            piece = np.stack([piece, np.zeros_like(piece)], 1).ravel()
        elif a.is_complex and not b.is_complex:
            return None
        pieces.append(piece)
    return np.concatenate(pieces)


_SHARED = (
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    type(None),
    type,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.ModuleType,
    np.ufunc,
    np.dtype,
    np.generic,
)


def copied(value: Any) -> Any:
    """A deep copy, or the value itself where it cannot be copied or changed."""
    if isinstance(value, _SHARED):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind != "O":
        return value.copy()
    try:
        return copy.deepcopy(value)
    except Exception:
        return value
