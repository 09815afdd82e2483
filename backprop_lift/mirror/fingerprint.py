"""Fingerprints: a hash of a function and all that it reaches.

Where the hash is the one of the day of the check, the check still holds.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import inspect
import linecache
import sys
import types
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from .._rebind import with_body
from .._registry import Registry, registry

__all__ = ["Fingerprints"]


class Fingerprints:
    """Fingerprints of functions of one package.

    Parameters
    ----------
    package : str
        Functions of it count with their text, those of others with the version of theirs.
    registry : Registry, optional
        Whose rules count with their text too.
    """

    def __init__(self, package: str, registry: Registry = registry) -> None:
        self.root = package.partition(".")[0]
        self.registry = registry
        self._own: dict[Any, tuple[str, list[Any]]] = {}
        self._texts: dict[str, list[str]] = {}

    def of(self, function: Any) -> str:
        """The fingerprint of a function or class."""
        found: dict[Any, str] = {}
        waiting = [function]
        while waiting:
            value = waiting.pop()
            key = _key(value)
            if key in found:
                continue
            text, reached = self._looked_at(key, value)
            found[key] = text
            waiting += reached
        digest = hashlib.sha256("\n".join(sorted(set(found.values()))).encode())
        return digest.hexdigest()[:12]

    def _looked_at(self, key: Any, value: Any) -> tuple[str, list[Any]]:
        known = self._own.get(key)
        if known is None:
            text, reached = self._look_at(value)
            known = self._own[key] = text + self._rule(value), reached
        return known

    def _rule(self, value: Any) -> str:
        """The text of a function's rule; nothing for those that come with this library."""
        entry = self.registry.find(value) if callable(value) else None
        if entry is None or entry.kind == "composite":
            return ""
        options = getattr(entry.rule, "options", {})
        given = [options.get(key) for key in ("grad", "derivative", "op")]
        parts = [p for g in given for p in (g.values() if isinstance(g, dict) else [g])]
        ours = __name__.partition(".")[0]
        texts = [
            self._text(part)
            for part in parts
            if isinstance(part, types.FunctionType) and part.__module__.partition(".")[0] != ours
        ]
        return f" {entry.kind} {' '.join(texts)}" if texts else ""

    def _look_at(self, value: Any) -> tuple[str, list[Any]]:
        """What counts of a value itself, and the values that it reaches."""
        if isinstance(value, type):
            return self._class(value)
        function = with_body(value)
        if isinstance(value, types.MethodType):
            return f"method {self._object(value.__self__)}", [value.__func__]
        if function is None:
            inner = getattr(value, "pyfunc", None) or getattr(value, "func", None)
            if inner is not None and callable(inner):
                given = (getattr(value, "args", ()), getattr(value, "keywords", {}))
                return f"{type(value).__name__} {_repr(list(filter(_is_data, given)))}", [inner]
            if type(value).__module__.partition(".")[0] == self.root:
                return f"object {self._object(value)}", [type(value)]
            return self._foreign(value), []
        if (function.__module__ or "").partition(".")[0] != self.root:
            return self._foreign(function), []
        return self._text(function), list(self._reached(function))

    def _object(self, value: Any) -> str:
        """The attributes of an object that are data."""
        attributes = sorted(getattr(value, "__dict__", {}).items())
        return " ".join(f"{name}={_repr(part)}" for name, part in attributes if _is_data(part))

    def _foreign(self, value: Any) -> str:
        module = getattr(value, "__module__", None) or type(value).__module__
        top = str(module).partition(".")[0]
        return f"{top} {_version(top)} {getattr(value, '__qualname__', '')}"

    def _class(self, cls: type) -> tuple[str, list[Any]]:
        if cls.__module__.partition(".")[0] != self.root:
            return self._foreign(cls), []
        reached: list[Any] = list(cls.__bases__)
        data = []
        for name, member in sorted(vars(cls).items()):
            inner = getattr(member, "__func__", None) or getattr(member, "fget", None) or member
            if isinstance(inner, types.FunctionType):
                reached.append(inner)
            elif not name.startswith("__") and _is_data(inner):
                data.append(f"{name}={_repr(inner)}")
        return f"class {cls.__qualname__} {' '.join(data)}", reached

    def _text(self, function: types.FunctionType) -> str:
        """The source text of a function, or its code where there is none."""
        code = function.__code__
        lines = self._texts.get(code.co_filename)
        if lines is None:
            linecache.checkcache(code.co_filename)
            lines = self._texts[code.co_filename] = linecache.getlines(code.co_filename)
        if lines and code.co_firstlineno <= len(lines):
            block = inspect.getblock(lines[code.co_firstlineno - 1 :])
            text = "".join(block)
        else:
            text = code.co_code.hex() + _repr([c for c in code.co_consts if _is_data(c)])
        defaults = [d for d in function.__defaults__ or () if _is_data(d)]
        cells = []
        for cell in function.__closure__ or ():
            try:
                content = cell.cell_contents
            except ValueError:
                continue
            if _is_data(content):
                cells.append(content)
        return f"{function.__qualname__} {text} {_repr(defaults)} {_repr(cells)}"

    def _reached(self, function: types.FunctionType) -> Iterator[Any]:
        """The functions, classes and constants that a function names."""
        for name in sorted(_names_in(function.__code__)):
            value = function.__globals__.get(name, _ABSENT)
            if value is _ABSENT:
                continue
            yield from self._of_value(name, value, function.__code__)
        for cell in function.__closure__ or ():
            try:
                yield from self._of_value("", cell.cell_contents, function.__code__)
            except ValueError:
                continue
        wrapped = getattr(function, "__wrapped__", None)
        if wrapped is not None:
            yield wrapped

    def _of_value(
        self, name: str, value: Any, code: types.CodeType, depth: int = 3
    ) -> Iterator[Any]:
        if isinstance(value, types.ModuleType):
            if value.__name__.partition(".")[0] == self.root:
                for attribute in sorted(_names_in(code)):
                    inner = vars(value).get(attribute, _ABSENT)
                    if inner is not _ABSENT and depth:
                        yield from self._of_value(attribute, inner, code, depth - 1)
        elif callable(value):
            yield value
        elif _is_data(value):
            yield _Constant(name, _repr(value))
        elif isinstance(value, (list, tuple, dict)) and depth:
            for part in value.values() if isinstance(value, dict) else value:
                yield from self._of_value(name, part, code, depth - 1)


class _Constant:
    """A global of a package that is plain data."""

    def __init__(self, name: str, text: str) -> None:
        self.__qualname__ = f"{name}={text}"
        self.__module__ = ""

    def __hash__(self) -> int:
        return hash(self.__qualname__)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Constant) and self.__qualname__ == other.__qualname__


_ABSENT: Final = object()
_LONG: Final = 60


def _key(value: Any) -> Any:
    if isinstance(value, _Constant):
        return value
    function = value if isinstance(value, type) else with_body(value)
    return value if function is None and _hashable(value) else id(function or value)


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


def _is_data(value: Any) -> bool:
    if isinstance(value, (bool, int, float, complex, str, bytes, type(None), np.generic)):
        return True
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind != "O")
    if isinstance(value, (list, tuple, set, frozenset)):
        return len(value) < 2000 and all(map(_is_data, value))
    return isinstance(value, dict) and len(value) < 2000 and all(map(_is_data, value.values()))


def _repr(value: Any) -> str:
    """A constant as text that is the same in every run."""
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{value.shape}{hashlib.sha256(value.tobytes()).hexdigest()[:16]}"
    if isinstance(value, (set, frozenset)):
        return f"{{{', '.join(sorted(map(_repr, value)))}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_repr, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_repr(k)}: {_repr(v)}' for k, v in value.items())}}}"
    if isinstance(value, str) and len(value) > _LONG:
        return "..."  # a message, which may be made from sets and differ from run to run
    return repr(value)


@functools.cache
def _names_in(code: types.CodeType) -> frozenset[str]:
    inner = (c for c in code.co_consts if isinstance(c, types.CodeType))
    return frozenset(code.co_names).union(*map(_names_in, inner))


@functools.cache
def _version(package: str) -> str:
    if package in sys.stdlib_module_names:
        return ""
    version = getattr(sys.modules.get(package), "__version__", None)
    if isinstance(version, str):
        return version
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
