"""The world of rebound code: what each name, function and value is in it.

Names resolve when they are used, through a live view of the module's globals, so that configuration
still counts; the package itself is never touched. Everything is made once, when it is first met.
"""

from __future__ import annotations

import builtins
import functools
import types
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from .._bvar import PLAIN_TYPES, bare
from .._registry import Registry
from . import arrays, python, vectorized  # noqa: F401 - python, for its stand-ins
from .around import GuardedClass, around, guarded
from .classes_of_numbers import stand_in_class
from .entrance import CONTAINERS, Entrance
from .functions import Functions
from .library import dispatcher, known_as, pool, question, writes_texts
from .modules import is_opaque, view_of_module
from .names import Names
from .objects import ORIGINAL, Classes, by_class_statement, original_of_view
from .once import Once
from .standing_in import representative, stand_in_of
from .state import State
from .texts import refuse_printed

__all__ = ["Names", "Rebinder"]

_PLAIN_TYPES: Final = frozenset(PLAIN_TYPES)


class Rebinder(Entrance):
    """All that is rebound under one registry; everything is made once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.once = Once()
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
        stand_in = self.stand_in(value)
        if stand_in is not None:
            return stand_in
        entry = self.registry.find(value)
        return value if entry is None else self._with_rule(value, entry.twin)

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

    def is_view(self, value: Any) -> bool:
        """Is a value an object of a rebound class?"""
        return hasattr(type(value), ORIGINAL)

    # Values by what they are

    def lifted_value(self, value: Any) -> Any:
        """What a name stands for in rebound code."""
        cls = value.__class__
        if (cls in _PLAIN_TYPES and cls is not type) or value is None:
            return value
        if isinstance(value, types.ModuleType):
            return self.lifted_module(value)
        if cls in CONTAINERS:
            return self.lifted_container(value)
        if not callable(value) or (
            by_class_statement(type(value))
            and not isinstance(value, (type, functools.partial, np.vectorize))
            and self.classes.class_of(cls) is not cls
        ):
            return self.lifted_object(value)
        known = self.twins.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        if id(value) in self.originals or (
            isinstance(value, types.FunctionType) and isinstance(value.__globals__, Names)
        ):
            return value
        lifted = self._lifted_callable(value)
        if id(value) in self.classes.in_the_making:  # asked for by one of its methods
            return lifted
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
            self.functions.take_over(original, lifted)

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

    def stand_in(self, value: Any) -> Any:
        """What stands in for a value; None where nothing does."""
        if isinstance(value, type) and value in _CLASSES_OF_NUMBERS:
            return self._class_of_numbers(value)
        stand_in = stand_in_of(value, self) or dispatcher(self, value)
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
                    refuse_printed(text)
                    convert = getattr(type(text), f"__{original.__name__}__", None)
                    if convert is not None and hasattr(type(text), ORIGINAL):
                        return convert(text)
                return twin(*args, **kwargs)

        made = stand_in_class(original, make)
        self.stands_for(made, original)
        return made

    def _lifted_callable(self, value: Any) -> Any:
        value = known_as(value)
        stand_in = self.stand_in(value)
        if stand_in is None:
            stand_in = pool(value) or question(value)
        if stand_in is not None:
            return stand_in
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self._with_rule(value, entry.twin)
        if is_opaque(value) or writes_texts(value):
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
            return self.lifted_method(value)
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
