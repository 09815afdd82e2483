"""State that outlives a call: what a composite leaves in objects that were there before.

Functions remember: in tables of their module, in attributes, in closures, in mutable defaults. What
a composite stores there is, after its run, what the original would have stored: buffers become
arrays and twins originals when the call returns, BVars become their values when the run ends.
"""

from __future__ import annotations

import collections
import functools
import threading
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import numpy as np

from .._bvar import PLAIN_TYPES, BVar, bare
from .._bvar.collecting import collect
from .._bvar.views import move_on
from .._space import rebuilt
from ..errors import NoGradientError
from .buffer import Buffer
from .modules import LEFT_ALONE, OURS, ModuleView, root_of

__all__ = ["State"]

_LEAVES: Final = frozenset(PLAIN_TYPES) | {
    types.FunctionType, types.BuiltinFunctionType, types.ModuleType, range, np.ufunc, np.dtype
}  # fmt: skip
# How deep containers are followed.
_DEPTH: Final = 6


class State(threading.local):
    """What the composite that runs in this thread has been lent.

    Attributes
    ----------
    depth : int
        How many composites are running, one inside the other.
    made : object
        That a constructor fills; it was not there before.
    """

    def __init__(self, as_outside: Callable[[Any], Any]) -> None:
        self.as_outside = as_outside
        self.depth = 0
        self.made: Any = None
        self.lent: dict[int, Any] = {}
        self.copies: dict[int, tuple[Any, Any, list[Any]]] = {}
        self.unfolded: list[tuple[BVar, Any, list[Any]]] = []

    @contextmanager
    def making(self, thing: Any) -> Iterator[None]:
        """The time in which a constructor fills an object."""
        self.made = thing
        try:
            yield
        finally:
            self.made = None

    def lend(self, thing: Any) -> None:
        """Note an object of the outside that rebound code may change."""
        if self.depth:
            self.lent[id(thing)] = thing

    def copied(self, container: Any, copy: Any) -> Any:
        """Note a container of which rebound code sees a copy, with other parts."""
        if self.depth:
            self.copies[id(copy)] = (container, copy, list(_values(copy)))
        return copy

    def opened(self, v: BVar, container: Any) -> Any:
        """Note a BVar of a list, dict or record, which rebound code sees as one of BVars."""
        if self.depth:
            self.unfolded.append((v, container, list(_values(container))))
        return container

    def settle(self) -> None:
        """Bring what the composite has changed into the form that the original would leave."""
        for container, copy, before in self.copies.values():
            if _changed(copy, before):
                _fill(container, copy)
                self.lent[id(container)] = container
        for v, container, before in self.unfolded:
            if _changed(container, before):
                _moved(v, container)
        for thing in self.lent.values():
            latest: dict[int, BVar] = {}
            _replace(thing, functools.partial(self._as_left, latest=latest), set(), 0)
            for v in latest.values():
                tape = v._bvar_space.tape
                tape.at_end.append(_Settling(thing, tape))
                if thing is not self.made:
                    tape.latest_left = max(tape.latest_left, v._bvar_at)
        self.forget()

    def forget(self) -> None:
        """Drop what has been noted."""
        self.lent, self.copies, self.unfolded = {}, {}, []

    def _as_left(self, leaf: Any, latest: dict[int, BVar]) -> Any:
        leaf = self.as_outside(bare(leaf))
        if leaf.__class__ is BVar:
            key = id(leaf._bvar_space.tape)
            if key not in latest or leaf._bvar_at > latest[key]._bvar_at:
                latest[key] = leaf
        return leaf


class _Settling:
    """Replaces the BVars that are left in an object when their run ends."""

    def __init__(self, thing: Any, tape: Any) -> None:
        self.thing, self.tape = thing, tape

    def __call__(self) -> None:
        _replace(self.thing, self._value, set(), 0)

    def _value(self, leaf: Any) -> Any:
        if leaf.__class__ is not BVar or leaf._bvar_space.tape is not self.tape:
            return leaf
        value = leaf._bvar_value
        if value.__class__ is BVar:
            outer = value._bvar_space.tape
            outer.at_end.append(_Settling(self.thing, outer))
        return value.copy() if value.__class__ is np.ndarray else value


def _values(container: Any) -> Iterator[Any]:
    if isinstance(container, dict):
        for key, value in container.items():
            yield key
            yield value
    elif isinstance(container, (list, tuple)):
        yield from container
    else:
        yield from _values(vars(container))


def _changed(container: Any, before: list[Any]) -> bool:
    now = list(_values(container))
    return len(now) != len(before) or any(a is not b for a, b in zip(now, before, strict=True))


def _fill(container: Any, copy: Any) -> None:
    """Give a list or dict the parts of its changed copy."""
    if isinstance(container, dict):
        container.clear()
        container.update(copy)
    elif isinstance(container, list):
        container[:] = copy


def _moved(v: BVar, container: Any) -> None:
    root = v._bvar_value
    while root.__class__ is BVar:
        root = root._bvar_value
    if container.__class__ is list or container.__class__ is dict:
        move_on(v, collect(bare_parts(container)))
        return
    names = set(vars(root)) if hasattr(root, "__dict__") else set()
    parts = [(name, part) for name, part in vars(container).items() if name in names]
    try:
        move_on(v, collect(bare_parts(rebuilt(root, parts))))
    except AttributeError:
        raise NoGradientError(
            f"An object of {type(root).__name__} on a tape was changed in place.",
            "Make a changed object instead: dataclasses.replace.",
        ) from None


def bare_parts(container: Any) -> Any:
    """A container with the contents of buffers for buffers."""
    _replace(container, bare, set(), 0)
    return container


def _replace(value: Any, leaf: Callable[[Any], Any], seen: set[int], depth: int) -> Any:
    """`value` with its leaves replaced, in place where it can be changed."""
    cls = value.__class__
    if cls in _LEAVES and cls is not types.FunctionType:
        return value
    if cls is BVar or cls is Buffer or cls is types.FunctionType or isinstance(value, ModuleView):
        return leaf(value)
    if depth > _DEPTH or id(value) in seen:
        return value
    if isinstance(value, tuple):
        parts = [_replace(part, leaf, seen, depth + 1) for part in value]
        if all(a is b for a, b in zip(parts, value, strict=True)):
            return value
        return rebuilt(value, enumerate(parts))
    seen.add(id(value))
    if isinstance(value, dict):
        if not _LEAVES_ONLY(map(type, value.values())):
            for key, part in list(value.items()):
                found = _replace(part, leaf, seen, depth + 1)
                if found is not part:
                    value[key] = found
    elif isinstance(value, (list, collections.deque)):
        if not _LEAVES_ONLY(map(type, value)):
            for i, part in enumerate(list(value)):
                found = _replace(part, leaf, seen, depth + 1)
                if found is not part:
                    value[i] = found
    elif isinstance(value, types.CellType):
        _replace_cell(value, leaf, seen, depth)
    elif isinstance(value, type):
        for name, part in list(vars(value).items()):
            if part.__class__ is BVar or part.__class__ is Buffer:
                setattr(value, name, leaf(part))
    elif cls.__flags__ & (1 << 9) and root_of(cls) not in LEFT_ALONE | OURS:
        original = leaf(value)  # of the view of an object
        if original is not value:
            _replace_attributes(original, leaf, seen, depth)
            return original
        _replace_attributes(value, leaf, seen, depth)
    return value


_LEAVES_ONLY: Final = (_LEAVES - {types.FunctionType}).issuperset


def _replace_attributes(value: Any, leaf: Any, seen: set[int], depth: int) -> None:
    attributes = getattr(value, "__dict__", None)
    if attributes.__class__ is dict:
        _replace(attributes, leaf, seen, depth + 1)
    for base in type(value).__mro__:
        slots = base.__dict__.get("__slots__", ())
        for slot in (slots,) if isinstance(slots, str) else slots:
            part = getattr(value, slot, None)
            found = _replace(part, leaf, seen, depth + 1) if part is not None else part
            if found is not part:
                object.__setattr__(value, slot, found)


def _replace_cell(cell: types.CellType, leaf: Any, seen: set[int], depth: int) -> None:
    try:
        cell.cell_contents = _replace(cell.cell_contents, leaf, seen, depth + 1)
    except ValueError:  # an empty cell
        return
