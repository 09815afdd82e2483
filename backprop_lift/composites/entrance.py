"""How values from outside come into rebound code: arguments, attributes, parts of containers."""

from __future__ import annotations

import abc
import collections
import functools
import types
from typing import Any, Final

import numpy as np

from .._bvar import PLAIN_TYPES, BVar
from .._registry import Registry
from .._space import is_record, parts_of, rebuilt
from .buffer import Buffer
from .functions import Functions
from .names import Names
from .objects import Classes, by_class_statement
from .standing_in import representative
from .state import State

__all__ = ["CONTAINERS", "Entrance"]

CONTAINERS: Final = (list, tuple, dict, collections.OrderedDict, collections.defaultdict)

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)
_PLAIN_TYPES_ONLY: Final = (_PLAIN_TYPES - {type}).issuperset


class Entrance(abc.ABC):
    """Lifts values that may live for one call only, and keeps none of them."""

    registry: Registry
    functions: Functions
    classes: Classes
    state: State
    originals: dict[int, tuple[Any, Any]]

    @abc.abstractmethod
    def lifted_value(self, value: Any) -> Any:
        """What a name stands for in rebound code; it is kept."""

    @abc.abstractmethod
    def stand_in(self, value: Any) -> Any:
        """What stands in for a value; None where nothing does."""

    def entering(self, value: Any) -> Any:
        """A value from outside as rebound code sees it."""
        cls = value.__class__
        if cls in _PLAIN_TYPES and cls is not type:
            return value
        if cls is BVar:
            return self._opened(value)
        if cls is Buffer:
            return value
        if cls in CONTAINERS:
            return self.lifted_container(value)
        if isinstance(value, types.FunctionType):
            return self._lifted_function(value)
        if isinstance(value, types.MethodType):
            return self.lifted_method(value)
        if isinstance(value, functools.partial):
            return functools.partial(
                self.entering(value.func),
                *map(self.entering, value.args),
                **{k: self.entering(v) for k, v in value.keywords.items()},
            )
        if isinstance(value, types.ModuleType) or (
            callable(value) and not by_class_statement(type(value))
        ):
            return self.lifted_value(value)
        if isinstance(value, type):
            return self.lifted_value(value)
        return self.lifted_object(value)

    def _opened(self, v: BVar) -> Any:
        """A BVar of a container or record as one of BVars."""
        root = representative(v)
        if root.__class__ is list or root.__class__ is tuple:
            opened = root.__class__(map(self.entering, v))
            return self.state.opened(v, opened) if root.__class__ is list else opened
        if root.__class__ is dict:
            return self.state.opened(v, {key: self.entering(v[key]) for key in root})
        lifted = self.classes.class_of(root.__class__) if is_record(root) else root.__class__
        if lifted is root.__class__:
            return v
        twin = object.__new__(lifted)
        for name, _ in parts_of(root) or ():
            object.__setattr__(twin, name, self.entering(getattr(v, name)))
        return self.state.opened(v, twin) if hasattr(twin, "__dict__") else twin

    def lifted_container(self, container: Any) -> Any:
        """A container of functions or objects as one of lifted ones; others as they are."""
        values = container.values() if isinstance(container, dict) else container
        if container.__class__ is not tuple:
            self.state.lend(container)
        if _PLAIN_TYPES_ONLY(map(type, values)):
            return container
        parts = list(parts_of(container) or ())
        lifted = [(key, self.entering(part)) for key, part in parts]
        if all(a is b for (_, a), (_, b) in zip(lifted, parts, strict=True)):
            return container
        copy = rebuilt(container, lifted)
        return copy if container.__class__ is tuple else self.state.copied(container, copy)

    def lifted_object(self, value: Any) -> Any:
        """An object as a view of it; one that has no rebound methods as it is."""
        stand_in = self.stand_in(value)
        if stand_in is not None:
            return stand_in
        if isinstance(value, np.vectorize):
            return self.lifted_value(value)
        if by_class_statement(type(value)):
            return self.classes.view_of(value)
        if value.__class__.__hash__ is None or isinstance(value, (set, bytearray)):
            self.state.lend(value)
        return value

    def _lifted_function(self, value: types.FunctionType) -> Any:
        """A function that may live for this call only."""
        if isinstance(value.__globals__, Names) or id(value) in self.originals:
            return value
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self.lifted_value(value)
        found = self.stand_in(value)
        return self.functions.rebound(value) or value if found is None else found

    def lifted_method(self, value: types.MethodType) -> Any:
        """A bound method as that of the view of its owner."""
        owner = self.entering(value.__self__)
        function = value.__func__
        name = getattr(function, "__name__", "")
        if owner is not value.__self__ and getattr(type(value.__self__), name, None) is function:
            return getattr(owner, name)
        return types.MethodType(self.entering(function), owner)
