"""Samples files: recorded calls as plain text, one a line, that can be read and reviewed.

A line is a JSON object with the function's name, its arguments and settings. What JSON lacks is an
object with one tag: ``{"tuple": [...]}``, ``{"array": [[1.0, 2.0]], "dtype": "float64"}``,
``{"complex": [1.0, 2.0]}``, ``{"float": "nan"}``, ``{"record": "mylib.Point", "fields": {...}}``,
``{"name": "mylib.kernel"}``, ``{"partial": [...], "settings": {...}}``. Lines are sorted, so that
differences are small. It is data: reading a file runs nothing, and names are looked up only in
modules that are imported already.
"""

from __future__ import annotations

import contextlib
import datetime
import enum
import functools
import json
import math
import os
import sys
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from .._space import fields_of, is_namedtuple, is_record, rebuilt
from ..errors import SampleError
from .samples import Sample

__all__ = [
    "dumped",
    "loaded",
    "read_samples",
    "said_sample",
    "sample_said",
    "write_lines",
    "write_samples",
]

_LARGEST: Final = 20_000
_FIRST_LINE: Final = '{"backprop_lift samples": 1}'


def dumped(value: Any, depth: int = 0) -> Any:
    """A value as what JSON can say.

    Raises
    ------
    SampleError
        If it cannot: an object of unknown content, or an array too large to review.
    """
    cls = type(value)
    if value is None or cls in (bool, int, str):
        return value
    if cls is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if depth > 12:
        raise _unsaid(value)
    if cls is complex:
        return {"complex": [dumped(value.real), dumped(value.imag)]}
    if isinstance(value, np.ndarray) and cls is np.ndarray:
        return _dumped_array(value)
    if isinstance(value, np.generic):
        return {"scalar": dumped(value.item(), depth + 1), "dtype": str(value.dtype)}
    if cls is list:
        return [dumped(part, depth + 1) for part in value]
    if cls in (tuple, set, frozenset):
        parts = value if cls is tuple else sorted(value, key=repr)
        return {cls.__name__: [dumped(part, depth + 1) for part in parts]}
    if isinstance(value, dict) and cls is dict:
        return {"dict": [[dumped(k, depth + 1), dumped(v, depth + 1)] for k, v in value.items()]}
    return _dumped_other(value, cls, depth)


def _dumped_array(value: Any) -> Any:
    if value.size > _LARGEST or value.dtype.kind not in "fciubU" or value.dtype.byteorder == ">":
        raise _unsaid(value)
    flat = [dumped(number) for number in value.ravel().tolist()]
    shaped: Any = flat
    for length in reversed(value.shape[1:]):
        shaped = [shaped[i : i + length] for i in range(0, len(shaped), length)] if length else []
    tagged = {"array": shaped if value.ndim else flat[0], "dtype": str(value.dtype)}
    if value.size == 0:
        tagged["shape"] = list(value.shape)
    return tagged


def _dumped_other(value: Any, cls: type, depth: int) -> Any:
    if isinstance(value, enum.Enum):
        return {"name": f"{cls.__module__}.{cls.__qualname__}.{value.name}"}
    if isinstance(value, slice):
        return {"slice": [dumped(part) for part in (value.start, value.stop, value.step)]}
    if isinstance(value, range):
        return {"range": [value.start, value.stop, value.step]}
    if isinstance(value, np.dtype):
        return {"dtype": str(value)}
    if cls is datetime.datetime:
        return {"datetime": value.isoformat()}
    if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)):
        name = f"{getattr(value, '__module__', None) or 'numpy'}.{_qualified(value)}"
        if _found(name) is value:
            return {"name": name}
    elif is_namedtuple(cls):
        names: Any = value._fields
        fields = [[name, dumped(part, depth + 1)] for name, part in zip(names, value, strict=True)]
        return {"record": f"{cls.__module__}.{cls.__qualname__}", "fields": dict(fields)}
    elif cls is functools.partial:
        called = [dumped(part, depth + 1) for part in (value.func, list(value.args))]
        return {"partial": called, "settings": dumped(value.keywords, depth + 1)}
    elif is_record(value) and _found(f"{cls.__module__}.{cls.__qualname__}") is cls:
        fields = [[name, dumped(part, depth + 1)] for name, part in fields_of(value)]
        return {"record": f"{cls.__module__}.{cls.__qualname__}", "fields": dict(fields)}
    raise _unsaid(value)


def _qualified(value: Any) -> str:
    return getattr(value, "__qualname__", None) or str(value.__name__)


def _unsaid(value: Any) -> SampleError:
    return SampleError(
        f"A value of {type(value).__module__}.{type(value).__qualname__} has no form in a samples file.",
        "Numbers, arrays of moderate size, strings, containers and records have one.",
        got=" ".join(repr(value).split())[:80],
    )


def loaded(said: Any) -> Any:
    """The value that `dumped` said.

    Raises
    ------
    SampleError
        If a tag is unknown, or a name leads nowhere among the imported modules.
    """
    if isinstance(said, list):
        return [loaded(part) for part in said]
    if not isinstance(said, dict):
        return said
    for tag, make in _TAGGED.items():
        if tag in said:
            return make(said)
    raise SampleError(
        "A samples file has a tag that is not known.",
        "Record it again with this version.",
        got=json.dumps(said)[:80],
    )


def _loaded_array(said: dict[str, Any]) -> Any:
    array = np.array(_loaded_numbers(said["array"]), np.dtype(said["dtype"]))
    return array.reshape(said["shape"]) if "shape" in said else array


def _loaded_numbers(said: Any) -> Any:
    if isinstance(said, list):
        return [_loaded_numbers(part) for part in said]
    return loaded(said)


def _loaded_record(said: Mapping[str, Any]) -> Any:
    cls = _needed(said["record"])
    fields = [(name, loaded(part)) for name, part in said["fields"].items()]
    if is_namedtuple(cls):
        return tuple.__new__(cls, [part for _, part in fields])
    try:
        return rebuilt(object.__new__(cls), fields)
    except (TypeError, AttributeError) as error:  # a class of C, or one with attributes of its own
        raise SampleError(
            f"A samples file has an object of {said['record']}, which cannot be made of its fields.",
            "Leave the call out.",
            why=error,
        ) from None


def _loaded_partial(said: Mapping[str, Any]) -> Any:
    function, args = map(loaded, said["partial"])
    return functools.partial(function, *args, **loaded(said["settings"]))


# In order: the tags of two entries first.
_TAGGED: Final[dict[str, Callable[[dict[str, Any]], Any]]] = {
    "array": _loaded_array,
    "record": lambda said: _loaded_record(said),
    "partial": lambda said: _loaded_partial(said),
    "scalar": lambda said: np.dtype(said["dtype"]).type(loaded(said["scalar"])),
    "complex": lambda said: complex(*(loaded(part) for part in said["complex"])),
    "dict": lambda said: {loaded(key): loaded(part) for key, part in said["dict"]},
    "float": lambda said: float(said["float"]),
    "tuple": lambda said: tuple(loaded(part) for part in said["tuple"]),
    "set": lambda said: {loaded(part) for part in said["set"]},
    "frozenset": lambda said: frozenset(loaded(part) for part in said["frozenset"]),
    "slice": lambda said: slice(*(loaded(part) for part in said["slice"])),
    "range": lambda said: range(*said["range"]),
    "dtype": lambda said: np.dtype(said["dtype"]),
    "datetime": lambda said: datetime.datetime.fromisoformat(said["datetime"]),
    "name": lambda said: _needed(said["name"]),
}


def _found(name: str) -> Any:
    """What a dotted name stands for among the imported modules, or None."""
    parts = name.split(".")
    for k in range(len(parts) - 1, 0, -1):
        value: Any = sys.modules.get(".".join(parts[:k]))
        if value is None:
            continue
        for part in parts[k:]:
            value = getattr(value, part, None)
        return value
    return None


def _needed(name: str) -> Any:
    value = _found(name)
    if value is None:
        raise SampleError(
            f"A samples file names {name}, which is not found among the imported modules.",
            "Import its package first, or record the calls again.",
        )
    return value


def said_sample(name: str, call: Sample) -> dict[str, Any] | None:
    """A call of a named function as what JSON can say, or None where it cannot."""
    try:
        entry: dict[str, Any] = {"function": name, "args": dumped(list(call.args))}
        if call.settings:
            entry["settings"] = {k: dumped(v) for k, v in call.settings.items()}
    except SampleError:
        return None
    if call.wrt is not None:
        entry["wrt"] = list(call.wrt)
    if call.origin:
        entry["origin"] = call.origin
    return entry


def sample_said(entry: Mapping[str, Any], origin: str = "") -> Sample:
    """The call that `said_sample` said; its origin, where none was said."""
    return Sample(
        tuple(loaded(part) for part in entry["args"]),
        {name: loaded(part) for name, part in entry.get("settings", {}).items()},
        entry.get("origin", origin),
        tuple(entry["wrt"]) if "wrt" in entry else None,
    )


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
    """Write the lines of a samples file, sorted: aside first, then in place of what was there.

    Raises
    ------
    SampleError
        If it cannot be written; what was there is as it was.
    """
    path = Path(path)
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside.write_text("\n".join([_FIRST_LINE, *sorted(lines)]) + "\n", encoding="utf-8")
        os.replace(aside, path)
    except OSError as error:
        raise SampleError(
            f"The samples file {path} cannot be written.",
            "Name a place that can be; what was there is as it was.",
            why=error,
        ) from None
    finally:
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)


def write_samples(path: str | os.PathLike[str], samples: Mapping[str, Iterable[Sample]]) -> int:
    """Write a samples file: aside first, then in place of what was there.

    Parameters
    ----------
    path : path
    samples : mapping
        From the dotted name of each function to its calls.

    Returns
    -------
    int
        How many calls could not be said, and were left out.

    Raises
    ------
    SampleError
        If the file cannot be written.
    """
    lines, unsaid = set(), 0
    for name, calls in samples.items():
        for call in calls:
            said = said_sample(name, call)
            if said is None:
                unsaid += 1
            else:
                lines.add(json.dumps(said, ensure_ascii=False))
    write_lines(path, lines)
    return unsaid


def read_samples(path: str | os.PathLike[str]) -> dict[str, list[Sample]]:
    """Read a samples file.

    Returns
    -------
    dict
        From the dotted name of each function to its calls.

    Raises
    ------
    SampleError
        If the file, or a line of it, cannot be read; the message names the line.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SampleError(
            f"The samples file {path} cannot be read.", "Record the calls again.", why=error
        ) from None
    if not lines or lines[0] != _FIRST_LINE:
        raise SampleError(
            f"{path} is no samples file of this version.",
            "Record the calls again.",
            expected=_FIRST_LINE,
            got=(lines or [""])[0][:60],
        )
    found: dict[str, list[Sample]] = {}
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            sample = sample_said(entry, f"{path.name}:{number}")
        except SampleError as error:
            error.facts = {"at": f"{path}:{number}", **error.facts}
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise SampleError(
                "A line of a samples file cannot be read.",
                "Correct the line, or take it away.",
                at=f"{path}:{number}",
                why=f"{type(error).__name__}: {error}",
            ) from None
        found.setdefault(entry["function"], []).append(sample)
    return found
