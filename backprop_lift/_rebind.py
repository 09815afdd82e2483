"""Composites: lifting a function by its own body.

The twin of a composite is the same code object with its names bound to twins. Names resolve when
they are used, through a live view of the module's globals, so that configuration still counts;
the package itself is never touched. Modules become views of modules, functions of pure Python
are rebound in turn, classes become subclasses with rebound methods, and array constructors give
buffers. Compiled functions that are not lifted refuse BVars by name.
"""

from __future__ import annotations

import builtins
import dis
import enum
import functools
import sys
import threading
import types
import weakref
from collections.abc import Callable
from typing import Any, Final

import numpy as np

from ._buffer import Buffer, call, call_ufunc, contents_of, fresh
from ._bvar import _PLAIN, BVar, _of_class, collect_array, has_bvar, is_plain, unlifted, value_of
from ._coincidence import with_limits
from ._effect import then
from ._lift import _dressed
from ._registry import Registry, dotted_name
from ._space import is_record, parts_of, rebuilt
from .errors import NoGradientError, RegistrationError

__all__ = ["composite_of", "rebound"]

_PLAIN_TYPES: Final = frozenset(_PLAIN)


def composite_of(function: Any, registry: Registry) -> Any:
    """The twin of a function, class or callable object, made from its own body.

    Parameters
    ----------
    function : callable
    registry : Registry
        Whose twins its names are bound to.

    Returns
    -------
    callable
        Called with plain values only, it is the original.

    Raises
    ------
    RegistrationError
        If it has no Python body.
    """
    world = _world_of(registry)
    if isinstance(function, type):
        return world.lifted_class(function)
    inner = world.rebound(function)
    if inner is None:
        raise RegistrationError(
            f"{dotted_name(function)} has no Python body to be lifted by.",
            f"Write its gradient: lifted(grad=...)({dotted_name(function)}).",
        )

    def twin(*args: Any, **kwargs: Any) -> Any:
        if _PLAIN_TYPES.issuperset(map(type, args)) and (
            not kwargs or _PLAIN_TYPES.issuperset(map(type, kwargs.values()))
        ):
            return function(*args, **kwargs)
        if all(map(is_plain, args)) and all(map(is_plain, kwargs.values())):
            return function(*args, **kwargs)
        world.refresh()
        return with_limits(run, args, kwargs)

    def run(*args: Any, **kwargs: Any) -> Any:
        enter = world.entering
        return then(inner(*map(enter, args), **{k: enter(v) for k, v in kwargs.items()}), leaving)

    return _dressed(twin, function)


def leaving(result: Any) -> Any:
    """A result as it leaves the composite: buffers as their contents."""
    cls = result.__class__
    if cls in _PLAIN_TYPES or cls is BVar:
        return result
    if cls is Buffer:
        return result._contents()
    parts = parts_of(result)
    if parts is None or isinstance(result, (types.GeneratorType, str)):
        return result
    found = [(key, leaving(part)) for key, part in parts]
    if all(a is b for (_, a), (_, b) in zip(found, parts_of(result) or (), strict=True)):
        return result
    return rebuilt(result, found)


_worlds: weakref.WeakKeyDictionary[Registry, _World] = weakref.WeakKeyDictionary()


def _world_of(registry: Registry) -> _World:
    world = _worlds.get(registry)
    if world is None:
        world = _worlds[registry] = _World(registry)
    return world


def rebound(function: Any, registry: Registry) -> Any:
    """The inner version of a composite, which works on BVars and buffers; None without a body."""
    return _world_of(registry).rebound(function)


# Modules whose functions run as they are: nothing numeric happens in them.
_LEFT_ALONE: Final = frozenset(sys.stdlib_module_names) - {"statistics", "fractions", "colorsys"}
# Compiled functions that BVars may pass through: they keep what they are given.
_PASSING: Final = frozenset(
    {"builtins", "itertools", "functools", "operator", "_operator", "collections", "_collections",
     "_functools", "copy", "time", "_thread", "sys", "gc", "types", "re", "_heapq", "_bisect"}
)  # fmt: skip


class _GuardedClass:
    """A class of an opaque package: its attributes as they are, its constructor guarded."""

    def __init__(self, cls: type, construct: Any) -> None:
        self.cls = cls
        self.construct = construct

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.construct(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cls, name)


class _Names(dict[str, Any]):
    """The globals of rebound functions: a live view of a module's, with twins for values."""

    __slots__ = ("live", "world")

    def __init__(self, live: dict[str, Any], world: _World) -> None:
        super().__init__()
        self.live = live
        self.world = world
        self["__builtins__"] = world.builtins
        self["__name__"] = live.get("__name__", "")

    def __missing__(self, name: str) -> Any:
        try:
            value = self.live[name]
        except KeyError:
            return self.world.builtins[name]
        lifted = self.world.lifted_value(value)
        if lifted is not value or isinstance(value, (types.FunctionType, type)):
            self[name] = lifted
            self.world.watched.append((self, name, value))
        return lifted


class _World:
    """All that is rebound under one registry; everything is made once."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self.names: dict[int, _Names] = {}
        self.functions: weakref.WeakKeyDictionary[Any, Any] = weakref.WeakKeyDictionary()
        self.modules: dict[Any, _Module] = {}
        self.classes: dict[type, Any] = {}
        self.twins: dict[int, tuple[Any, Any]] = {}
        self.tables: dict[int, tuple[Any, Any]] = {}
        self.originals: dict[int, tuple[Any, Any]] = {}
        self.watched: list[tuple[_Names, str, Any]] = []
        self.lock = threading.RLock()
        self.builtins = dict(vars(builtins))
        for name, value in list(self.builtins.items()):
            stand_in = _STAND_INS.get(id(value))
            if stand_in is not None and stand_in[0] is value:
                self.builtins[name] = self._bound_stand_in(value, stand_in[1])
            elif (callable(value) and not isinstance(value, type)) or value in (
                float,
                int,
                complex,
            ):
                entry = registry.find(value)
                if entry is not None:
                    self.builtins[name] = self._around(value, entry.twin)
        self.builtins["__import__"] = self._import

    def refresh(self) -> None:
        """Forget names that the modules have bound anew since."""
        stale = [w for w in self.watched if w[0].live.get(w[1], w[2]) is not w[2]]
        for names, name, value in stale:
            names.pop(name, None)
            self.watched.remove((names, name, value))

    def entering(self, value: Any) -> Any:
        """An argument as the body sees it: lists of BVars, and functions rebound."""
        cls = value.__class__
        if cls is BVar:
            root = _representative(value)
            if root.__class__ is list or root.__class__ is tuple:
                return root.__class__(map(self.entering, value))
            if root.__class__ is dict:
                return {key: self.entering(value[key]) for key in root}
            return self._lifted_record(value, root)
        if cls in _PLAIN_TYPES:
            return value
        if cls is list or cls is tuple:
            entered = [self.entering(part) for part in value]
            if all(a is b for a, b in zip(entered, value, strict=True)):
                return value
            return cls(entered)
        if isinstance(value, (types.FunctionType, types.MethodType, functools.partial)):
            return self._lifted_argument(value)
        if isinstance(value, (types.BuiltinFunctionType, np.ufunc, type)):
            return self.lifted_value(value)
        return self._lifted_object(value)

    def _lifted_object(self, value: Any) -> Any:
        """An object of a Python class with rebound methods, sharing the attributes of `value`."""
        cls = value.__class__
        lifted = self.lifted_class(cls) if hasattr(value, "__dict__") else cls
        if lifted is cls or not isinstance(lifted, type) or isinstance(value, types.ModuleType):
            return value
        try:
            twin: Any = object.__new__(lifted)
        except TypeError:  # made by a class of C
            return value
        object.__setattr__(twin, "__dict__", value.__dict__)
        return twin

    def _lifted_record(self, value: BVar, root: Any) -> Any:
        """A BVar of an object as an object of BVars, whose methods are rebound."""
        lifted = self.lifted_class(root.__class__) if is_record(root) else root.__class__
        if lifted is root.__class__:
            return value
        twin = object.__new__(lifted)
        for name, _ in parts_of(root) or ():
            object.__setattr__(twin, name, self.entering(getattr(value, name)))
        return twin

    def _lifted_argument(self, value: Any) -> Any:
        """A function given as an argument, which may live for this call only."""
        if isinstance(value, functools.partial):
            return functools.partial(
                self.entering(value.func),
                *map(self.entering, value.args),
                **{k: self.entering(v) for k, v in value.keywords.items()},
            )
        if isinstance(value, types.MethodType):
            return types.MethodType(self._lifted_argument(value.__func__), value.__self__)
        if not isinstance(value, types.FunctionType) or isinstance(value.__globals__, _Names):
            return value
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self._around(value, entry.twin)
        return self.rebound(value)

    # Values by what they are

    def lifted_value(self, value: Any) -> Any:
        """What a name stands for in rebound code."""
        cls = value.__class__
        if (cls in _PLAIN_TYPES and cls is not type) or value is None:
            return value
        if isinstance(value, types.ModuleType):
            return self.lifted_module(value)
        if cls is dict or cls is list or cls is tuple:
            return self.lifted_table(value)
        if not callable(value):
            stand_in = _STAND_INS.get(id(value))
            return value if stand_in is None or stand_in[0] is not value else stand_in[1]
        known = self.twins.get(id(value))
        if known is not None and known[0] is value:
            return known[1]
        lifted = self._lifted_callable(value)
        if getattr(value, "__self__", None) is None or isinstance(
            getattr(value, "__self__", None), types.ModuleType
        ):
            self.twins[id(value)] = (value, lifted)
            if lifted is not value:
                self.originals[id(lifted)] = (lifted, value)
        return lifted

    def _lifted_callable(self, value: Any) -> Any:
        stand_in = _STAND_INS.get(id(value))
        if stand_in is not None and stand_in[0] is value:
            return self._bound_stand_in(value, stand_in[1])
        entry = self.registry.find(value)
        if entry is not None and entry.kind != "composite":
            return self._around(value, entry.twin)
        if (getattr(value, "__module__", None) or "").partition(".")[0] in _OPAQUE:
            return self._guarded(value)
        if isinstance(value, type):
            return self.lifted_class(value)
        if isinstance(value, functools.partial):
            return functools.partial(
                self.lifted_value(value.func),
                *map(self.lifted_value, value.args),
                **{k: self.lifted_value(v) for k, v in value.keywords.items()},
            )
        if isinstance(value, types.MethodType):
            owner = value.__self__
            if isinstance(owner, type):
                owner = self.lifted_value(owner)
            return types.MethodType(self.lifted_value(value.__func__), owner)
        function = self.rebound(value)
        if function is not None:
            return function
        if isinstance(value, np.vectorize):
            return _vectorized(self.lifted_value(value.pyfunc), value)
        if isinstance(value, np.ufunc):
            return value
        if isinstance(value, (types.BuiltinFunctionType, types.MethodDescriptorType)):
            owner = getattr(value, "__self__", None)
            if owner is not None and not isinstance(owner, types.ModuleType):
                return value
        return self._guarded(value)

    def _around(self, original: Any, twin: Any) -> Any:
        """A twin that takes buffers, and gives them."""

        def entered(*args: Any, **kwargs: Any) -> Any:
            if isinstance(original, np.ufunc) and (kwargs or len(args) > original.nin):
                if len(args) > original.nin:
                    kwargs["out"] = args[original.nin :]
                return call_ufunc(original, args[: original.nin], kwargs)
            if takes_arrays:
                args = tuple(map(_arrayed, args))
            return call(twin, *args, **kwargs)

        takes_arrays = original is not np.block and (
            getattr(original, "__module__", None) or ""
        ).startswith("numpy")

        around = _dressed(entered, original)
        self.originals[id(around)] = (around, original)
        if isinstance(original, type):
            around.dtype = np.dtype(original)  # so that it still serves as a dtype
        for name in ("reduce", "accumulate", "outer", "at", "nin", "nout", "nargs"):
            if isinstance(original, np.ufunc):
                setattr(around, name, getattr(original, name))
        return around

    def _bound_stand_in(self, original: Any, stand_in: Any) -> Any:
        bound = functools.partial(stand_in, self) if stand_in in _NEEDS_WORLD else stand_in
        if isinstance(original, type) and issubclass(original, (np.generic, int, float, complex)):
            bound = _dressed(
                functools.wraps(original, updated=())(lambda *a, **k: stand_in(*a, **k))
                if bound is stand_in
                else bound,
                original,
            )
            bound.dtype = np.dtype(original)
        self.originals[id(bound)] = (bound, original)
        return bound

    def _guarded(self, value: Any) -> Any:
        """A compiled function that refuses BVars before it could mishandle them."""
        root = (getattr(value, "__module__", None) or "").partition(".")[0]
        if root in _PASSING or (isinstance(value, type) and root not in _OPAQUE):
            return value
        if not isinstance(
            value, (types.BuiltinFunctionType, types.WrapperDescriptorType)
        ) and isinstance(_of_class(type(value), "__call__"), types.FunctionType):
            return value  # an object of a Python class; its method runs on BVars as it is

        def guarded(*args: Any, **kwargs: Any) -> Any:
            args = tuple(map(contents_of, args))
            kwargs = {k: contents_of(v) for k, v in kwargs.items()}
            if has_bvar(args) or has_bvar(kwargs):
                raise unlifted(value)
            return fresh(value(*map(self.original_of, args), **kwargs))

        self.originals[id(guarded)] = (guarded, value)
        if isinstance(value, type):
            return _GuardedClass(value, guarded)
        return _dressed(guarded, value)

    def original_of(self, value: Any) -> Any:
        """What a value of rebound code stands for."""
        known = self.originals.get(id(value))
        return known[1] if known is not None and known[0] is value else value

    def lifted_table(self, table: Any, depth: int = 3) -> Any:
        """A container of functions as one of twins; a container of data as it is."""
        known = self.tables.get(id(table))
        if known is not None and known[0] is table:
            return known[1]
        lifted = table
        if self._has_functions(table, depth):
            parts = table.items() if isinstance(table, dict) else enumerate(table)
            lifted = rebuilt(table, [(k, self.lifted_value(part)) for k, part in parts])
        self.tables[id(table)] = (table, lifted)
        return lifted

    def _has_functions(self, table: Any, depth: int) -> bool:
        values = table.values() if isinstance(table, dict) else table
        return any(
            isinstance(
                v, (types.FunctionType, types.BuiltinFunctionType, np.ufunc, types.ModuleType)
            )
            or (isinstance(v, type) and self.registry.find(v) is not None)
            or (
                isinstance(v, (list, tuple, dict))
                and depth > 0
                and self._has_functions(v, depth - 1)
            )
            for v in list(values)
        )

    # Functions

    def rebound(self, value: Any) -> Any:
        """A function with its names bound to twins; None if it has no Python body."""
        function = _with_body(value)
        if function is None:
            return None
        known = self.functions.get(function)
        if known is None:
            with self.lock:
                known = self.functions.get(function) or self._rebound(function)
        return known

    def _rebound(self, function: types.FunctionType) -> Any:
        root = (function.__module__ or "").partition(".")[0]
        if root in _LEFT_ALONE or root in _OURS:
            self.functions[function] = function
            return function
        if root in _OPAQUE:
            return None
        if _assigns_globals(function.__code__):
            self.functions[function] = _assigning(function)
            return self.functions[function]
        names = self.names.get(id(function.__globals__))
        if names is None:
            names = self.names[id(function.__globals__)] = _Names(function.__globals__, self)
        cells = [types.CellType() for _ in function.__closure__ or ()]
        body = types.FunctionType(
            function.__code__, names, function.__name__, function.__defaults__, tuple(cells) or None
        )
        self.functions[function] = body
        body.__kwdefaults__ = function.__kwdefaults__ and {
            k: self.lifted_value(v) for k, v in function.__kwdefaults__.items()
        }
        body.__defaults__ = function.__defaults__ and tuple(
            map(self.lifted_value, function.__defaults__)
        )
        body.__qualname__ = function.__qualname__
        body.__module__ = function.__module__
        body.__doc__ = function.__doc__
        body.__dict__.update(function.__dict__)
        for cell, original in zip(cells, function.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.lifted_value(original.cell_contents)
            except ValueError:  # an empty cell
                continue
        return body

    # Modules

    def lifted_module(self, module: types.ModuleType) -> Any:
        """A view of a module whose attributes are lifted."""
        root = module.__name__.partition(".")[0]
        if root in _OURS or (
            root in _LEFT_ALONE
            and root not in ("math", "cmath", "operator", "functools", "itertools")
        ):
            return module
        known = self.modules.get(module)
        if known is None:
            known = self.modules[module] = _Module(module, self)
        return known

    def _import(
        self, name: str, names: Any = None, local: Any = None, fromlist: Any = (), level: int = 0
    ) -> Any:
        live = names.live if isinstance(names, _Names) else names
        return self.lifted_value(builtins.__import__(name, live, local, fromlist, level))

    # Classes

    def lifted_class(self, cls: type) -> Any:
        """A subclass of a class with rebound methods, or the class itself where there are none."""
        known = self.classes.get(cls)
        if known is not None:
            return known
        self.classes[cls] = cls
        root = cls.__module__.partition(".")[0]
        if (
            root in _LEFT_ALONE
            or root in _OURS
            or root in _OPAQUE
            or root == "numpy"
            or issubclass(cls, (BaseException, enum.Enum, type))
            or not cls.__flags__ & (1 << 9)
        ):
            return cls
        methods: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            base_root = base.__module__.partition(".")[0]
            if base_root in _LEFT_ALONE or base_root == "numpy":
                continue
            for name, member in vars(base).items():
                lifted = self._lifted_member(member)
                if lifted is not None:
                    methods[name] = lifted
        if not methods:
            return cls
        methods["__module__"], methods["__qualname__"] = cls.__module__, cls.__qualname__
        methods["__doc__"] = cls.__doc__
        if "__slots__" in vars(cls):
            methods["__slots__"] = ()
        try:
            lifted_cls: Any = type(cls)(cls.__name__, (cls,), methods)  # type: ignore[misc]
        except Exception:  # a metaclass with rules of its own
            return cls
        self.classes[cls] = lifted_cls
        self.originals[id(lifted_cls)] = (lifted_cls, cls)
        return lifted_cls

    def _lifted_member(self, member: Any) -> Any:
        if isinstance(member, types.FunctionType):
            return self.lifted_value(member)
        if isinstance(member, (staticmethod, classmethod)):
            inner = member.__func__
            if isinstance(inner, types.FunctionType):
                return type(member)(self.lifted_value(inner))
        if isinstance(member, property):
            fget, fset, fdel = (
                f and self.lifted_value(f) for f in (member.fget, member.fset, member.fdel)
            )
            return property(fget, fset, fdel, member.__doc__)
        return None


_OURS: Final = frozenset({"backprop_lift"})
# Packages whose objects would hide BVars: nothing is rebound there, and BVars are refused.
_OPAQUE: Final = frozenset(
    {"pandas", "xarray", "polars", "dask", "matplotlib", "sympy", "astropy", "h5py", "torch", "jax",
     "tensorflow", "autograd", "numba", "requests", "netCDF4", "h5netcdf"}
)  # fmt: skip


class _Module(types.ModuleType):
    """A module seen from rebound code."""

    def __init__(self, module: types.ModuleType, world: _World) -> None:
        super().__init__(module.__name__, module.__doc__)
        self.__dict__["__module"] = module
        self.__dict__["__world"] = world
        for name in ("__file__", "__path__", "__package__", "__spec__", "__version__"):
            if hasattr(module, name):
                self.__dict__[name] = getattr(module, name)
        if module.__name__ in ("math", "cmath"):  # whose __dict__ is read by makers of kernels
            self.__dict__.update({k: world.lifted_value(v) for k, v in vars(module).items()})

    def __getattr__(self, name: str) -> Any:
        if name in ("__module", "__world"):
            raise AttributeError(name)
        module, world = self.__dict__["__module"], self.__dict__["__world"]
        value = getattr(module, name)
        lifted = world.lifted_value(value)
        if lifted is not value and module.__name__.partition(".")[0] in ("numpy", "math", "scipy"):
            self.__dict__[name] = lifted
        return lifted

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.__dict__["__module"], name, value)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["__module"])


def _with_body(value: Any) -> Any:
    """The plain function behind a callable, or None."""
    for _ in range(10):
        if isinstance(value, types.FunctionType):
            return value
        if isinstance(value, (staticmethod, classmethod)):
            value = value.__func__
        elif hasattr(value, "py_func"):  # compiled by numba, or made so that it could be
            value = value.py_func
        elif isinstance(value, functools._lru_cache_wrapper):
            value = value.__wrapped__
        elif type(value).__name__ == "_ArrayFunctionDispatcher":
            value = getattr(value, "_implementation", None) or getattr(value, "__wrapped__", None)
        else:
            return None
    return None


def _assigns_globals(code: types.CodeType) -> bool:
    """Does a function assign global names, but for late imports?"""
    before = ""
    for instruction in dis.get_instructions(code):
        if instruction.opname == "DELETE_GLOBAL" or (
            instruction.opname == "STORE_GLOBAL" and before not in ("IMPORT_NAME", "IMPORT_FROM")
        ):
            return True
        before = instruction.opname
    return any(_assigns_globals(c) for c in code.co_consts if isinstance(c, types.CodeType))


def _assigning(function: types.FunctionType) -> Any:
    def twin(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(contents_of, args))
        if has_bvar(args) or has_bvar(kwargs):
            raise NoGradientError(
                f"{dotted_name(function)} assigns global names, so it cannot be lifted by its body.",
                f"Write its gradient: lifted(grad=...)({function.__name__}).",
                defined=f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}",
            )
        return function(*args, **kwargs)

    return _dressed(twin, function)


# --- stand-ins: what names of Python and NumPy mean inside a composite --------------------------

_STAND_INS: Final[dict[int, tuple[Any, Any]]] = {}
_NEEDS_WORLD: Final[set[Any]] = set()


def _stands_in(*originals: Any, world: bool = False) -> Callable[[Any], Any]:
    def register(stand_in: Any) -> Any:
        for original in originals:
            _STAND_INS[id(original)] = (original, stand_in)
        if world:
            _NEEDS_WORLD.add(stand_in)
        return stand_in

    return register


def _representative(value: Any) -> Any:
    """The plain value that stands for a BVar or a buffer in questions about types."""
    value = contents_of(value)
    while value.__class__ is BVar:
        value = value._bvar_value
    return value


@_stands_in(isinstance, world=True)
def _isinstance(world: _World, value: Any, types_: Any) -> bool:
    if value.__class__ is BVar and isinstance(value, _plain_types(world, types_)):
        return True
    return isinstance(_representative(value), _plain_types(world, types_))


@_stands_in(issubclass, world=True)
def _issubclass(world: _World, cls: Any, types_: Any) -> bool:
    return issubclass(world.original_of(cls), _plain_types(world, types_))


def _plain_types(world: _World, types_: Any) -> Any:
    if types_.__class__ is tuple:
        return tuple(_plain_types(world, t) for t in types_)
    if types_.__class__ is _GuardedClass:
        return types_.cls
    return world.original_of(types_)


@_stands_in(type, world=True)
def _type(world: _World, *args: Any, **kwargs: Any) -> Any:
    if len(args) != 1:
        return type(*args, **kwargs)
    cls = type(_representative(args[0]))
    for _, (lifted, original) in list(world.originals.items()):
        if original is cls:
            return lifted
    return cls


@_stands_in(hasattr)
def _hasattr(value: Any, name: str) -> bool:
    if value.__class__ is BVar or value.__class__ is Buffer:
        return hasattr(_representative(value), name)
    return hasattr(value, name)


@_stands_in(super, world=True)
def _super(world: _World, *args: Any) -> Any:
    if args:
        return _Super(world, super(*map(world.original_of, args)))
    frame = sys._getframe(1)
    cls = frame.f_locals["__class__"]
    return _Super(world, super(cls, frame.f_locals[frame.f_code.co_varnames[0]]))


class _Super:
    """``super()`` in a rebound method: the base's methods, rebound as well."""

    __slots__ = ("_of",)

    def __init__(self, world: _World, proxy: Any) -> None:
        object.__setattr__(self, "_of", (world, proxy))

    def __getattribute__(self, name: str) -> Any:
        world, proxy = object.__getattribute__(self, "_of")
        return world.lifted_value(getattr(proxy, name))

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(object.__getattribute__(self, "_of")[1], name, value)


@_stands_in(callable)
def _callable(value: Any) -> bool:
    return callable(_representative(value))


@_stands_in(np.array)
def _array(
    object: Any,
    dtype: Any = None,
    *,
    copy: Any = True,
    order: Any = "K",
    subok: Any = False,
    ndmin: int = 0,
    ndmax: int = 0,
    like: Any = None,
) -> Any:
    array = _as_array(object, dtype)
    if not copy and (
        array is object or (object.__class__ is Buffer and array is object._contents())
    ):
        return object
    if array.__class__ is BVar:
        if ndmin > np.ndim(_representative(array)):
            shape = np.shape(_representative(array))
            array = array.reshape((1,) * (ndmin - len(shape)) + shape)
        return Buffer(array.__copy__())
    return fresh(np.array(array, dtype, copy=bool(copy) or None, order=order, ndmin=ndmin))


@_stands_in(
    np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray, np.asarray_chkfinite
)
def _asarray(a: Any, dtype: Any = None, order: Any = None, **settings: Any) -> Any:
    if a.__class__ is Buffer and dtype is None:
        return a
    array = _as_array(a, dtype)
    if a.__class__ is Buffer and array is a._contents():
        return a
    if array.__class__ is BVar:
        return array
    made = np.asarray(array, dtype)
    return made if made is a else fresh(made)


@_stands_in(np.require)
def _require(a: Any, dtype: Any = None, requirements: Any = None, **settings: Any) -> Any:
    return _asarray(a, dtype)


def _as_array(value: Any, dtype: Any) -> Any:
    """A value as the array that NumPy would make of it; a BVar where it holds one."""
    value = contents_of(value)
    if value.__class__ is not BVar:
        if not has_bvar(value):
            return value
        if isinstance(value, (list, tuple)) and not _numeric(value):
            return value
        array = collect_array(value)
    else:
        array = value
    root = _representative(array)
    if isinstance(root, (list, tuple)):
        array = collect_array(array)
        root = _representative(array)
    if dtype is not None:
        kind = np.dtype(dtype).kind
        if kind == "O":
            return array
        if kind in "iub":
            return np.asarray(root).astype(dtype)
        if root.dtype != np.dtype(dtype) if hasattr(root, "dtype") else kind == "c":
            array = array.astype(dtype)
    if not isinstance(_representative(array), np.ndarray):
        array = _zero_dimensional(array)
    return array


def _arrayed(value: Any) -> Any:
    """A list of BVars as the array that NumPy would make of it, where it would make one."""
    if value.__class__ is not list and value.__class__ is not tuple:
        return value
    value = contents_of(value)
    if not has_bvar(value) or not _numeric(value):
        return value
    try:
        return collect_array(value)
    except ValueError:  # a sequence of arrays of different shapes
        return value


def _numeric(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(map(_numeric, value))
    return not isinstance(_representative(value), (str, bytes, type(None), dict))


def _zero_dimensional(v: Any) -> Any:
    """A number as an array of no dimensions."""
    from ._bvar import Named, record, youngest

    if v.__class__ is not BVar:
        return np.asarray(v)
    tape = youngest((v,))
    value = _zero_dimensional(v._bvar_value)
    return record(
        tape, value, lambda dzdy: (dzdy,), ((v._bvar_at, v._bvar_space),), Named("np.asarray")
    )


def _constructor(original: Any) -> Any:
    @_stands_in(original)
    def construct(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(contents_of, args))
        kwargs = {k: contents_of(v) for k, v in kwargs.items()}
        if has_bvar(args) or has_bvar(kwargs):
            return _constructed(original, args, kwargs)
        return fresh(original(*args, **kwargs))

    return construct


def _constructed(original: Any, args: Any, kwargs: Any) -> Any:
    """A constructor with a BVar among its arguments."""
    if original is np.full or original is np.full_like:
        first, rest = args[0], args[2:]
        value = args[1] if len(args) > 1 else kwargs.pop("fill_value")
        if not has_bvar(value):
            return fresh(original(_plainly(first), value, *rest, **kwargs))
        shape = _representative(first) if original is np.full else np.shape(_representative(first))
        return value * np.ones(kwargs.get("shape", shape))
    if original in (np.zeros_like, np.ones_like, np.empty_like):
        return fresh(original(*map(_plainly, args), **kwargs))
    if original in (np.zeros, np.ones, np.empty, np.eye, np.identity):
        return fresh(original(*map(_plainly, args), **kwargs))
    if original is np.arange:
        start, _, step = {1: (0, args[0], 1), 2: (*args, 1), 3: args}[len(args)]
        count = len(np.arange(*map(_plainly, args)))
        return start + step * np.arange(float(count))
    raise unlifted(original)


def _plainly(value: Any) -> Any:
    while has_bvar(value):
        value = value_of(value)
    return value


for _original in (
    np.zeros, np.ones, np.empty, np.full, np.eye, np.identity, np.arange, np.zeros_like,
    np.ones_like, np.empty_like, np.full_like, np.fromiter, np.linspace, np.copy, np.tri,
    np.diag, np.tile, np.repeat, np.loadtxt,
):  # fmt: skip
    if _original not in (
        np.linspace,
        np.copy,
        np.tri,
        np.diag,
        np.tile,
        np.repeat,
        np.loadtxt,
        np.fromiter,
    ):
        _constructor(_original)


@_stands_in(np.fromiter)
def _fromiter(iter: Any, dtype: Any = float, count: int = -1, **settings: Any) -> Any:
    items = list(iter)
    return _array(items if count < 0 else items[:count], dtype)


@_stands_in(np.float64, np.double)
def _float64(x: Any = 0.0) -> Any:
    x = contents_of(x)
    return _as_float64(x) if x.__class__ is BVar else np.float64(x)


@_stands_in(np.float32)
def _float32(x: Any = 0.0) -> Any:
    x = contents_of(x)
    return x.astype(np.float32) if x.__class__ is BVar else np.float32(x)


def _as_float64(v: Any) -> Any:
    root = _representative(v)
    if isinstance(root, (np.float64, np.ndarray)) and root.dtype == np.float64:
        return v
    return v * np.float64(1.0)


@_stands_in(np.isscalar)
def _isscalar(element: Any) -> bool:
    return np.isscalar(_representative(element))


@_stands_in(np.iterable)
def _iterable(y: Any) -> bool:
    return np.iterable(_representative(y))


class _Concatenator:
    """`np.r_` or `np.c_` on BVars."""

    def __init__(self, original: Any, columns: bool) -> None:
        self.original = original
        self.columns = columns

    def __getitem__(self, key: Any) -> Any:
        key = contents_of(key)
        if not has_bvar(key):
            return fresh(self.original[key])
        parts = [
            np.r_[part] if isinstance(part, slice) else _as_array(part, None)
            for part in (key if isinstance(key, tuple) else (key,))
        ]
        if any(isinstance(part, str) for part in parts):
            raise unlifted(type(self.original))
        if self.columns:
            return np.column_stack(parts)
        return np.concatenate(
            [np.reshape(p, -1) if np.ndim(_representative(p)) == 0 else p for p in parts]
        )


_stands_in(np.r_)(_Concatenator(np.r_, columns=False))
_stands_in(np.c_)(_Concatenator(np.c_, columns=True))


@_stands_in(np.vectorize, world=True)
def _vectorize(world: _World, pyfunc: Any, *args: Any, **kwargs: Any) -> Any:
    original = np.vectorize(pyfunc, *args, **kwargs)
    return _vectorized(pyfunc, original)


def _vectorized(function: Any, original: Any) -> Any:
    """`numpy.vectorize` of a lifted function: called item by item, collected into an array."""
    if original.signature is not None:

        def refused(*args: Any, **kwargs: Any) -> Any:
            args = tuple(map(contents_of, args))
            if has_bvar(args) or has_bvar(kwargs):
                raise unlifted(np.vectorize)
            return original(*args, **kwargs)

        return refused

    def vectorized(*args: Any, **kwargs: Any) -> Any:
        args = tuple(map(contents_of, args))
        kwargs = {k: contents_of(v) for k, v in kwargs.items()}
        if not has_bvar(args) and not has_bvar(kwargs):
            return fresh(original(*args, **kwargs))
        names, values = list(kwargs), [*args, *kwargs.values()]
        shape = np.broadcast_shapes(*(np.shape(_representative(v)) for v in values))
        wide = [_broadcast(v, shape) for v in values]
        results = []
        for index in np.ndindex(shape):
            items = [w[index] if np.ndim(_representative(w)) else w for w in wide]
            named = dict(zip(names, items[len(args) :], strict=True))
            results.append(function(*items[: len(args)], **named))
        if isinstance(results[0], tuple):
            return tuple(
                collect_array(list(column)).reshape(shape)
                if has_bvar(list(column))
                else np.array(column).reshape(shape)
                for column in zip(*results, strict=True)
            )
        array = _as_array(list(results), None)
        return np.array(array).reshape(shape) if array.__class__ is list else array.reshape(shape)

    return vectorized


def _broadcast(value: Any, shape: Any) -> Any:
    if np.ndim(_representative(value)) == 0 or np.shape(_representative(value)) == shape:
        return value
    return value * np.ones(shape) if value.__class__ is BVar else np.broadcast_to(value, shape)
