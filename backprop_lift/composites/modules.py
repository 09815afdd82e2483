"""Modules as rebound code sees them, and what becomes of the packages that they belong to."""

from __future__ import annotations

import sys
import types
from typing import Any, Final

from .world import World

__all__ = ["LEFT_ALONE", "OURS", "PASSING", "ModuleView", "is_opaque", "root_of", "view_of_module"]

OURS: Final = frozenset({"backprop_lift"})

# Modules whose functions run as they are: nothing numeric happens in them.
LEFT_ALONE: Final = frozenset(sys.stdlib_module_names) - {"statistics", "colorsys"}

# Those of them that names are looked up in, since some of their functions are lifted or stood in
# for.
_SEEN_THROUGH: Final = frozenset(
    {"math", "cmath", "operator", "functools", "itertools", "builtins", "copy", "dataclasses",
     "concurrent", "multiprocessing", "threading", "decimal", "fractions", "json", "ast",
     "struct"}
)  # fmt: skip

# Packages whose names are looked up once.
_STEADY: Final = frozenset({"math", "numpy", "scipy"})

# Compiled functions that BVars may pass through: they keep what they are given.
PASSING: Final = frozenset(
    {"builtins", "itertools", "functools", "operator", "_operator", "collections", "_collections",
     "_functools", "copy", "time", "_thread", "sys", "gc", "types", "re", "_heapq", "_bisect",
     "_random"}
)  # fmt: skip

# Packages whose objects would hide BVars: nothing is rebound there, and BVars are refused.
_OPAQUE: Final = frozenset(
    {"pandas", "xarray", "polars", "dask", "matplotlib", "sympy", "astropy", "h5py", "torch", "jax",
     "tensorflow", "autograd", "numba", "requests", "netCDF4", "h5netcdf", "bottleneck", "numexpr",
     "pint", "mpmath"}
)  # fmt: skip
_OPAQUE_PARTS: Final = ("scipy.sparse",)


def root_of(value: Any) -> str:
    """The package that a function or class belongs to."""
    return (getattr(value, "__module__", None) or "").partition(".")[0]


def is_opaque(value: Any) -> bool:
    """Would objects of a class, or what a function makes, hide BVars?"""
    module = getattr(value, "__module__", None) or ""
    return root_of(value) in _OPAQUE or module.startswith(_OPAQUE_PARTS)


def view_of_module(module: types.ModuleType, world: World) -> Any:
    """A module whose attributes are lifted; the module itself where nothing would be."""
    root = module.__name__.partition(".")[0]
    if root in OURS or (root in LEFT_ALONE and root not in _SEEN_THROUGH):
        return module
    return ModuleView(module, world)


class ModuleView(types.ModuleType):
    """A module seen from rebound code."""

    def __init__(self, module: types.ModuleType, world: World) -> None:
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
        if lifted is not value and module.__name__.partition(".")[0] in _STEADY:
            self.__dict__[name] = lifted
        return lifted

    def __setattr__(self, name: str, value: Any) -> None:
        world = self.__dict__["__world"]
        module = self.__dict__["__module"]
        setattr(module, name, world.original_of(value))
        world.state.lend(module.__dict__)

    def __dir__(self) -> list[str]:
        return dir(self.__dict__["__module"])
