"""Scripts that show a wrong gradient again, with nothing but the package and this library."""

from __future__ import annotations

import enum
import inspect
import math
import sys
import textwrap
from typing import Any

import numpy as np

from .._space import fields_of, is_namedtuple, is_record
from .samples import Sample
from .verdicts import Report

__all__ = ["expression", "script"]


class _UnwrittenError(Exception):
    """A value that no expression of moderate length gives."""


def script(f: Any, report: Report) -> str:
    """A self-contained script that repeats the first check of a report that failed.

    Parameters
    ----------
    f : callable
        The original.
    report : Report

    Returns
    -------
    str
        Python source. What cannot be written as an expression is named in a comment.
    """
    sample = report.samples[next(iter(report.failed_calls()), 0)]
    imports = {"from backprop_lift.gradcheck import check_sample, Sample"}
    lines = [f"f = {_name_of(f, imports)}"]
    source = _source_of(f)
    if source:
        lines = [source, f"f = {f.__name__}"] if f.__name__.isidentifier() else [f"# f is {source}"]
    lines.append(f"sample = {_call(sample, imports)}")
    lines.append("print(check_sample(f, sample))")
    text = "\n".join([*sorted(imports), "", *lines]) + "\n"
    findings = [f"# {finding}" for finding in report.findings[:3]]
    return "\n".join([f"# {report.name}: {report.verdict}", *findings, text])


def _call(sample: Sample, imports: set[str]) -> str:
    args = [_written(value, imports) for value in sample.args]
    text = f"({', '.join(args)}{',' * (len(args) == 1)})"
    if sample.settings:
        pairs = [f"{k!r}: {_written(v, imports)}" for k, v in sample.settings.items()]
        text += f", {{{', '.join(pairs)}}}"
    if sample.wrt is not None:
        text += f", wrt={sample.wrt!r}"
    return f"Sample({text})"


def _written(value: Any, imports: set[str]) -> str:
    try:
        return expression(value, imports)
    except _UnwrittenError:
        return f"...  # a {type(value).__module__}.{type(value).__qualname__}"


def _name_of(f: Any, imports: set[str]) -> str:
    module = getattr(f, "__module__", None) or ("numpy" if isinstance(f, np.ufunc) else "")
    name: str = getattr(f, "__qualname__", None) or getattr(f, "__name__", None) or "f"
    for home in (module, module.split(".")[0]):
        if home in sys.modules and getattr(sys.modules[home], name, None) is f:
            imports.add(f"import {home}")
            return f"{home}.{name}"
    return f"...  # {module}.{name}"


def _source_of(f: Any) -> str:
    """The source of a function that cannot be imported by name."""
    module, name = getattr(f, "__module__", None) or "", getattr(f, "__qualname__", "")
    by_name = getattr(sys.modules.get(module), name, None) is f and module != "__main__"
    if by_name or not hasattr(f, "__code__"):
        return ""
    try:
        return textwrap.dedent(inspect.getsource(f)).strip()
    except (OSError, TypeError):
        return ""


def expression(value: Any, imports: set[str], depth: int = 0) -> str:
    """A value as Python source; the imports it needs are added to `imports`."""
    if depth > 8:
        raise _UnwrittenError
    if isinstance(value, np.ndarray):
        return _array(value, imports)
    if isinstance(value, np.generic):
        imports.add("import numpy as np")
        return repr(value)
    if isinstance(value, enum.Enum):
        return _imported(type(value), imports) + f".{value.name}"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes)):
        return repr(value)
    if is_namedtuple(type(value)):
        parts = [expression(part, imports, depth + 1) for part in value]
        return f"{_imported(type(value), imports)}({', '.join(parts)})"
    if isinstance(value, (list, tuple)):
        parts = [expression(part, imports, depth + 1) for part in value]
        if isinstance(value, tuple):
            return f"({', '.join(parts)}{',' * (len(parts) == 1)})"
        return f"[{', '.join(parts)}]"
    if isinstance(value, dict):
        pairs = [
            f"{expression(k, imports, depth + 1)}: {expression(v, imports, depth + 1)}"
            for k, v in value.items()
        ]
        return f"{{{', '.join(pairs)}}}"
    if callable(value) and hasattr(value, "__qualname__"):
        return _imported(value, imports)
    if is_record(value):
        fields = [f"{k}={expression(v, imports, depth + 1)}" for k, v in fields_of(value)]
        return f"{_imported(type(value), imports)}({', '.join(fields)})"
    raise _UnwrittenError


def _array(value: Any, imports: set[str]) -> str:
    if value.size > 500 or value.dtype.kind not in "fciubU":
        raise _UnwrittenError
    imports.add("import numpy as np")
    text = np.array2string(
        value, separator=", ", threshold=sys.maxsize, floatmode="unique", max_line_width=10**6
    )
    text = " ".join(text.split()).replace("nan", "np.nan").replace("inf", "np.inf")
    return f"np.array({text}, dtype={str(value.dtype)!r})"


def _imported(value: Any, imports: set[str]) -> str:
    module, name = value.__module__, value.__qualname__
    if module not in sys.modules or "<" in name:
        raise _UnwrittenError
    if module != "builtins":
        imports.add(f"import {module}")
        return f"{module}.{name}"
    return str(name)
