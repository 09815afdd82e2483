"""The world of rebound code: what each name, function and value is in it.

Names resolve when they are used, through a live view of the module's globals, so that configuration
still counts; the package itself is never touched. Everything is made once, when it is first met.
"""

from __future__ import annotations

import builtins
import collections
import functools
import types
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._buffer import Buffer
from .._bvar import PLAIN_TYPES, BVar, bare
from .._registry import Registry
from .._space import is_record, parts_of, rebuilt
from . import arrays, vectorized
from .around import GuardedClass, around, guarded
from .classes_of_numbers import stand_in_class
from .functions import Functions
from .library import dispatcher, pool, writes_texts
from .modules import OPAQUE, view_of_module
from .names import Names
from .objects import ORIGINAL, Classes, original_of_view
from .python import refuse_printed
from .standing_in import representative, stand_in_of
from .state import State

__all__ = ["Names", "Rebinder"]

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)
_CONTAINERS: Final = (list, tuple, dict, collections.OrderedDict, collections.defaultdict)


class Rebinder:
    """All that is rebound under one registry; everything is made once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.functions = Functions(self)
        self.modules: dict[Any, Any] = {}
        self.classes = Classes(self)
        self.state = State(self.as_outside)
        self.twins: dict[int, tuple[Any, Any]] = {}
        self.originals: dict[int, tuple[Any, Any]] = {}
        self.seen_classes: dict[type, Any] = {}
        self.outward: dict[type, Any] = {}
        self.watched: list[tuple[Names, str, Any]] = []
        self.builtins = dict(vars(builtins))
        for name, value in list(self.builtins.items()):
            if not isinstance(value, type) or value in (
                float,
                int,
                complex,
                type,
                super,
                memoryview,
            ):
                self.builtins[name] = self._lifted_builtin(value)
        self.builtins["__import__"] = self._import

    def _lifted_builtin(self, value: Any) -> Any:
        if not callable(value):
            return value
        stand_in = self._stand_in(value)
        if stand_in is not None:
            return stand_in
        entry = self.registry.find(value)
        return value if entry is None else self._with_rule(value, entry.twin)

    # Entering and leaving

    def refresh(self) -> None:
        """Forget what the modules have bound anew since."""
        stale = [w for w in self.watched if w[0].live.get(w[1], w[2]) is not w[2]]
        for watched in stale:
            names, name, _ = watched
            names.pop(name, None)
            self.watched.remove(watched)
        self.functions.refresh()

    def settle(self) -> None:
        """Bring what was changed outside into the form that the original would leave."""
        self.functions.lend_changed()
        self.state.settle()

    def entering(self, value: Any) -> Any:
        """A value from outside as rebound code sees it."""
        cls = value.__class__
        if cls in _PLAIN_TYPES and cls is not type:
            return value
        if cls is BVar:
            return self._opened(value)
        if cls is Buffer:
            return value
        if cls in _CONTAINERS:
            return self.lifted_container(value)
        if isinstance(value, types.FunctionType):
            return self._lifted_function(value)
        if isinstance(value, types.MethodType):
            return self._lifted_method(value)
        if isinstance(value, functools.partial):
            return functools.partial(
                self.entering(value.func),
                *map(self.entering, value.args),
                **{k: self.entering(v) for k, v in value.keywords.items()},
            )
        if isinstance(value, types.ModuleType) or (
            callable(value) and not cls.__flags__ & (1 << 9)
        ):
            return self.lifted_value(value)
        if isinstance(value, type):
            return self.lifted_value(value)
        return self._lifted_object(value)

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

    def _lifted_object(self, value: Any) -> Any:
        stand_in = self._stand_in(value)
        if stand_in is not None:
            return stand_in
        if isinstance(value, np.vectorize):
            return self.lifted_value(value)
        if value.__class__.__flags__ & (1 << 9):
            return self.classes.view_of(value)
        if value.__class__.__hash__ is None or isinstance(value, (set, bytearray)):
            self.state.lend(value)
        return value

    def is_view(self, value: Any) -> bool:
        """Is a value an object of a rebound class?"""
        return hasattr(type(value), ORIGINAL)

    def _lifted_function(self, value: types.FunctionType) -> Any:
        """A function that may live for this call only."""
        if isinstance(value.__globals__, Names) or id(value) in self.originals:
            return value
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self.lifted_value(value)
        found = dispatcher(self, value) or self._stand_in(value)
        return self.rebound(value) or value if found is None else found

    def _lifted_method(self, value: types.MethodType) -> Any:
        owner = self.entering(value.__self__)
        function = value.__func__
        name = getattr(function, "__name__", "")
        if owner is not value.__self__ and getattr(type(value.__self__), name, None) is function:
            return getattr(owner, name)
        return types.MethodType(self.entering(function), owner)

    # Values by what they are

    def lifted_value(self, value: Any) -> Any:
        """What a name stands for in rebound code."""
        cls = value.__class__
        if (cls in _PLAIN_TYPES and cls is not type) or value is None:
            return value
        if isinstance(value, types.ModuleType):
            return self.lifted_module(value)
        if cls in _CONTAINERS:
            return self.lifted_container(value)
        if not callable(value) or (
            cls.__flags__ & (1 << 9)
            and not isinstance(value, (type, functools.partial, np.vectorize))
            and self.classes.class_of(cls) is not cls
        ):
            return self._lifted_object(value)
        known = self.twins.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if id(value) in self.originals or (
            isinstance(value, types.FunctionType) and isinstance(value.__globals__, Names)
        ):
            return value
        lifted = self._lifted_callable(value)
        owner = getattr(value, "__self__", None)
        if owner is None or isinstance(owner, types.ModuleType):
            self.twins[id(value)] = (value, lifted)
            if lifted is not value:
                self.stands_for(lifted, value)
        return lifted

    def stands_for(self, lifted: Any, original: Any) -> None:
        """Note what a lifted value is the twin of."""
        self.originals[id(lifted)] = (lifted, original)
        if isinstance(original, type) and isinstance(lifted, type):
            self.seen_classes[original] = lifted

    def stands_for_outside(self, cls: type, original: type) -> None:
        """Note a class that is the twin of another one outside of rebound code."""
        self.originals[id(cls)] = (cls, original)

    def original_of(self, value: Any) -> Any:
        """What a value of rebound code stands for."""
        known = self.originals.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if value.__class__ is GuardedClass:
            return value.cls
        if hasattr(type(value), ORIGINAL):
            return original_of_view(value)
        if isinstance(value, types.ModuleType) and "__module" in value.__dict__:
            return value.__dict__["__module"]
        return value

    def as_outside(self, value: Any) -> Any:
        """The original of a value; of a function made by rebound code, one of plain names."""
        original = self.original_of(value)
        if isinstance(original, types.FunctionType) and isinstance(original.__globals__, Names):
            cells = tuple([types.CellType() for _ in original.__closure__ or ()])
            for cell, own in zip(cells, original.__closure__ or (), strict=True):
                try:
                    cell.cell_contents = self.as_outside(bare(own.cell_contents))
                except ValueError:  # an empty cell
                    continue
            plain = types.FunctionType(
                original.__code__,
                original.__globals__.live,
                original.__name__,
                original.__defaults__ and tuple(map(self.as_outside, original.__defaults__)),
                cells or None,
            )
            plain.__kwdefaults__ = original.__kwdefaults__
            plain.__dict__.update(original.__dict__)
            self.stands_for(original, plain)
            return plain
        return self.classes.as_outside(original)

    def class_seen(self, cls: type) -> Any:
        """The class of a value, as a name stands for it."""
        known = self.seen_classes.get(cls)
        if known is not None:
            return known
        if cls in (float, int, complex):
            return self.builtins[cls.__name__]
        return self.lifted_value(cls) if cls in arrays.CONVERSIONS else self.classes.class_of(cls)

    def _stand_in(self, value: Any) -> Any:
        if isinstance(value, type) and value in _CLASSES_OF_NUMBERS:
            return self._class_of_numbers(value)
        stand_in = stand_in_of(value, self)
        if stand_in is None:
            return None
        if isinstance(value, type) and not isinstance(stand_in, type):
            if value is type or value is super:
                self.originals[id(stand_in)] = (stand_in, value)
                return stand_in
            stand_in = GuardedClass(value, stand_in)
        if callable(value):
            self.originals[id(stand_in)] = (stand_in, value)
        return stand_in

    def _class_of_numbers(self, original: Any) -> Any:
        known = self.seen_classes.get(original)
        if known is not None:
            return known
        convert = arrays.CONVERSIONS.get(original)
        if convert is not None:
            make: Callable[..., Any] = functools.partial(convert, self)
        else:
            twin = self._with_rule(original, self.registry[original].twin)

            def make(*args: Any, **kwargs: Any) -> Any:
                for text in args[:1]:
                    refuse_printed(self, text)
                    convert = getattr(type(text), f"__{original.__name__}__", None)
                    if convert is not None and hasattr(type(text), ORIGINAL):
                        return convert(text)
                return twin(*args, **kwargs)

        made = stand_in_class(original, make)
        self.stands_for(made, original)
        return made

    def _lifted_callable(self, value: Any) -> Any:
        stand_in = self._stand_in(value)
        if stand_in is None:
            stand_in = pool(value) or dispatcher(self, value)
        if stand_in is not None:
            return stand_in
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self._with_rule(value, entry.twin)
        root = (getattr(value, "__module__", None) or "").partition(".")[0]
        if root in OPAQUE or writes_texts(value):
            return guarded(self, value)
        if isinstance(value, type):
            lifted = self.classes.class_of(value)
            return guarded(self, value) if lifted is value else lifted
        if isinstance(value, functools.partial):
            return functools.partial(
                self.lifted_value(value.func),
                *map(self.lifted_value, value.args),
                **{k: self.lifted_value(v) for k, v in value.keywords.items()},
            )
        if isinstance(value, types.MethodType):
            return self._lifted_method(value)
        function = self.rebound(value)
        if function is not None:
            return function
        if isinstance(value, np.vectorize):
            return vectorized.vectorized(self.lifted_value(value.pyfunc), value)
        return guarded(self, value)

    def _with_rule(self, original: Any, twin: Any) -> Any:
        if isinstance(twin, type):
            self.stands_for(twin, original)
            return twin
        made = around(self, original, twin)
        self.originals[id(made)] = (made, original)
        return made

    # Functions

    def rebound(self, value: Any) -> Any:
        """A function with its names bound to twins; None if it has no Python body."""
        return self.functions.rebound(value)

    def dispatching_method(self, member: Any) -> Any:
        """A `functools.singledispatchmethod` as a method that looks through BVars."""
        dispatch = member.dispatcher.dispatch

        def method(self_: Any, *args: Any, **kwargs: Any) -> Any:
            chosen = dispatch(self.original_of(type(representative(args[0]))))
            return self.lifted_value(chosen).__get__(self_, type(self_))(*args, **kwargs)

        return method

    # Modules

    def lifted_module(self, module: types.ModuleType) -> Any:
        """A view of a module whose attributes are lifted."""
        known = self.modules.get(module)
        if known is None:
            known = self.modules[module] = view_of_module(module, self)
        return known

    def _import(
        self, name: str, names: Any = None, local: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        live = names.live if isinstance(names, Names) else names
        return self.lifted_value(builtins.__import__(name, live, local, fromlist, level))


_CLASSES_OF_NUMBERS: Final = frozenset({float, int, complex, *arrays.CONVERSIONS})
_PLAIN_TYPES_ONLY: Final = (_PLAIN_TYPES - {type}).issuperset
