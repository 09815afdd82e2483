"""Does a function only compute? Read from its code, before it is called with made-up arguments."""

from __future__ import annotations

import builtins
import os
import sys
import types
from typing import Any, Final

from .._rebind import assigns_globals, with_body

__all__ = ["only_computes"]

# Doors to the outside world: files, network, processes, screens, other code.
_DOORS: Final = frozenset(
    {"os", "io", "shutil", "subprocess", "socket", "ssl", "http", "urllib", "requests", "pathlib",
     "tempfile", "glob", "ctypes", "webbrowser", "sqlite3", "pickle", "matplotlib", "multiprocessing",
     "asyncio", "signal", "posix", "nt", "ftplib", "smtplib", "zipfile", "tarfile", "urllib3",
     "tkinter", "plotly", "h5py", "netCDF4", "xarray"}
)  # fmt: skip
_DOORWAYS: Final = frozenset(
    {"open", "exec", "eval", "input", "compile", "breakpoint", "exit", "quit"}
)

_TRUSTED: Final = ("numpy", "scipy", "pandas")
# Methods and functions of trusted packages that read and write files.
_WRITERS: Final = frozenset(
    {"fromfile", "tofile", "loadtxt", "savetxt", "genfromtxt", "savez", "to_csv", "to_excel",
     "to_hdf", "to_parquet", "to_pickle", "to_sql", "to_feather", "to_clipboard"}
)  # fmt: skip

# What functions of `os` do to the world; paths and environment variables are only looked at.
_DEEDS: Final = frozenset(name for name in dir(os) if callable(getattr(os, name))) - {
    "cpu_count", "fspath", "getcwd", "getenv", "getpid", "PathLike", "stat", "urandom"
}  # fmt: skip


def only_computes(function: Any) -> bool:
    """Is there no way from a function's code to files, network, processes or a screen?"""
    seen: set[int] = set()
    body = with_body(function)
    if body is not None and assigns_globals(body.__code__):
        return False  # it sets something up
    waiting = [function]
    while waiting:
        value = waiting.pop()
        inner = with_body(value)
        if inner is None or id(inner) in seen:
            continue
        seen.add(id(inner))
        root = (inner.__module__ or "").partition(".")[0]
        if root in _DOORS:
            return False
        if (inner.__module__ or "").startswith("pandas.io"):
            return False
        if root in sys.stdlib_module_names or root in _TRUSTED:
            continue
        names = _names(inner.__code__)
        if names & _WRITERS:
            return False
        for name in names:
            found = inner.__globals__.get(name, getattr(builtins, name, None))
            if found is os and names.isdisjoint(_DEEDS):
                continue
            if _is_door(name, found):
                return False
            if isinstance(found, types.ModuleType):
                top = found.__name__.partition(".")[0]
                if top not in sys.stdlib_module_names and top not in ("numpy", "scipy"):
                    waiting += [vars(found).get(n) for n in names if n in vars(found)]
            elif callable(found) and not isinstance(found, type):
                waiting.append(found)
        for cell in inner.__closure__ or ():
            try:
                waiting.append(cell.cell_contents)
            except ValueError:
                continue
    return True


def _is_door(name: str, value: Any) -> bool:
    if isinstance(value, types.ModuleType):
        return value.__name__.partition(".")[0] in _DOORS
    if value is None:
        return name.partition(".")[0] in _DOORS  # imported within the function
    if name in _DOORWAYS and value is getattr(builtins, name, None):
        return True
    return str(getattr(value, "__module__", "")).partition(".")[0] in _DOORS


def _names(code: types.CodeType) -> set[str]:
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found
