"""Functions with their names bound to twins: the same code object in a world of lifted values."""

from __future__ import annotations

import functools
import types
import weakref
from typing import Any, Final

from .._bvar import PLAIN_TYPES, BVar, has_bvar
from .._registry import dotted_name
from ..errors import NoGradientError
from .around import guarded
from .bodies import assigns_globals, attributes_set, matches_classes, with_body
from .buffer import Buffer
from .class_reads import Asked, asking_for_classes
from .modules import LEFT_ALONE, OURS, is_opaque, root_of
from .names import Names
from .standing_in import representative
from .templates import with_templates
from .world import World

__all__ = ["Functions"]

_PLAIN: Final = frozenset(PLAIN_TYPES)


class _Cell:
    """A variable of a closure: the original's, and that of the rebound function."""

    __slots__ = ("known", "lifted", "original", "own")

    def __init__(self, original: types.CellType, own: types.CellType, lifted: Any) -> None:
        self.original, self.own = original, own
        self.known, self.lifted = original.cell_contents, lifted
        own.cell_contents = lifted


class Functions:
    """The rebound functions of a world, and the variables that they share with their originals."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names: dict[int, Names] = {}
        self.known: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.ready: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.cells: list[_Cell] = []
        self.remembering: list[Any] = []
        self.asked = Asked(lambda x: world.class_seen(type(representative(x))), Names)

    def rebound(self, value: Any) -> Any:
        """A function with its names bound to twins; None if it has no Python body."""
        function = with_body(value)
        if function is None:
            return None
        found = self.ready.get(function)
        if found is None:
            with self.world.once:
                found = self.known.get(function)
                if found is None:
                    found = self._made(function)
                    self.world.once.show(self.ready, function, found)
        return found

    def _made(self, function: types.FunctionType) -> Any:
        home = str(function.__globals__.get("__name__", "")).partition(".")[0]
        if (
            root_of(function) in LEFT_ALONE
            or home in OURS
            or isinstance(function.__globals__, Names)
        ):
            self.known[function] = function
            return function
        if is_opaque(function):
            return None
        if assigns_globals(function.__code__):
            self.known[function] = _assigning(self.world, function)
            return self.known[function]
        code = asking_for_classes(function.__code__, self.asked)
        body = self._body(function, code or function.__code__)
        if code is None or matches_classes(code):
            self.known[function] = asking = _asking(function, body)
            self.world.stands_for(asking, function)
        return self.known[function]

    def _body(self, function: types.FunctionType, code: types.CodeType) -> types.FunctionType:
        lift, originals = self.world.lifted_value, function.__closure__ or ()
        names = self.names.get(id(function.__globals__))
        if names is None:
            names = self.names[id(function.__globals__)] = Names(function.__globals__, self.world)
        cells = tuple([types.CellType() for _ in originals])
        code = with_templates(code)
        body = types.FunctionType(
            code, names, function.__name__, function.__defaults__, cells or None
        )
        self.known[function] = body
        self.world.stands_for(body, function)
        named, ordered = function.__kwdefaults__, function.__defaults__
        body.__kwdefaults__ = named and {k: self._default(v) for k, v in named.items()}
        body.__defaults__ = ordered and tuple(map(self._default, ordered))
        body.__qualname__ = function.__qualname__
        body.__module__ = function.__module__
        body.__doc__ = function.__doc__
        body.__dict__ = function.__dict__
        for name in attributes_set(function.__code__):
            holder = function.__globals__.get(name)
            if isinstance(holder, types.FunctionType):
                self.remembering.append(holder.__dict__)
        for name, own, original in zip(body.__code__.co_freevars, cells, originals, strict=True):
            try:
                value = original.cell_contents
            except ValueError:  # an empty cell
                continue
            if name == "__class__":  # what super() starts from
                own.cell_contents = value
            else:
                self.cells.append(_Cell(original, own, lift(value)))
        return body

    def _default(self, value: Any) -> Any:
        if value.__class__ in (list, dict, set):
            self.remembering.append(value)
        return self.world.lifted_value(value)

    # Variables that are shared

    def refresh(self) -> None:
        """Take over what the originals have assigned since."""
        for cell in self.cells:
            value = cell.original.cell_contents
            if value is not cell.known:
                cell.known = value
                cell.own.cell_contents = cell.lifted = self.world.lifted_value(value)

    def take_over(self, original: Any, lifted: Any) -> None:
        """Put a class that is made by now into the variables of the methods that name it."""
        for cell in self.cells:
            if cell.known is original:
                cell.own.cell_contents = cell.lifted = lifted

    def lend_changed(self) -> None:
        """Hand over what was assigned here, and note what may have been changed in place."""
        state = self.world.state
        for cell in self.cells:
            value = cell.own.cell_contents
            if value is not cell.lifted:
                cell.original.cell_contents = cell.lifted = value
                cell.known = _UNKNOWN
                state.lend(cell.original)
            elif cell.known is cell.lifted and cell.known.__class__ not in _PLAIN:
                state.lend(cell.known)
        for thing in self.remembering:
            state.lend(thing)


_UNKNOWN: Final = object()


def _assigning(world: World, function: types.FunctionType) -> Any:
    def error() -> NoGradientError:
        return NoGradientError(
            f"{dotted_name(function)} assigns global names, so it cannot be lifted by its body.",
            f"Write its gradient: lifted(grad=...)({function.__name__}).",
            defined=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
        )

    return guarded(world, function, error)


def _asking(function: types.FunctionType, body: Any) -> Any:
    """A function that asks what a BVar cannot answer: refused where it is given one."""
    code = function.__code__

    def asking(*args: Any, **kwargs: Any) -> Any:
        given = (*args, *kwargs.values())
        if any(value.__class__ in (BVar, Buffer) or has_bvar(value) for value in given):
            raise NoGradientError(
                f"{dotted_name(function)} asks for the class of a value in a way that a BVar "
                "cannot answer.",
                "Let it ask isinstance(x, float) or type(x).",
                defined=f"{code.co_filename}:{code.co_firstlineno}",
            )
        return body(*args, **kwargs)

    functools.update_wrapper(asking, function, updated=())
    asking.__dict__ = function.__dict__
    return asking
