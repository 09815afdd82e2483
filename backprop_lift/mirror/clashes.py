"""Names of a mirrored module that mean something else to its stub: a function called `float`. Pure."""

from __future__ import annotations

import builtins
import io
import tokenize
from collections.abc import Iterable
from typing import Final

__all__ = ["without_clashes"]

# Types that an annotation may name, and a decorator.
_BUILTIN: Final = (
    "bool", "bytes", "classmethod", "complex", "dict", "float", "frozenset", "int", "list",
    "object", "property", "set", "staticmethod", "str", "tuple",
)  # fmt: skip


def without_clashes(text: str, imports: Iterable[str], names: Iterable[str]) -> str:
    """A stub in which annotations mean what they meant before the module's own names came.

    Parameters
    ----------
    text : str
    imports : iterable of str
        The lines with which the stub imports what annotations need.
    names : iterable of str
        What the module defines.

    Returns
    -------
    str
        With an underscore before each of the names that clash, where an annotation means the
        other one.
    """
    imported = {line.rpartition(" ")[2] for line in imports}
    clashing = set(names) & (imported | set(_BUILTIN))
    if not clashing:
        return text
    lines = text.split("\n")
    for row, column, name in reversed(list(_meant(text, clashing))):
        line = lines[row - 1]
        lines[row - 1] = f"{line[:column]}_{name}{line[column + len(name) :]}"
    lines = [_as_private(line) for line in lines]
    own = sorted(name for name in clashing - imported if hasattr(builtins, name))
    if own:
        said = ", ".join(f"{name} as _{name}" for name in own)
        place = next(i for i, line in enumerate(lines) if line.startswith(("from ", "__all__")))
        lines.insert(place, f"from builtins import {said}")
    return "\n".join(lines)


def _as_private(line: str) -> str:
    """An import of a name that now has an underscore before it, said as it must be."""
    head, _, tail = line.partition("import ")
    if not line.startswith(("from ", "import ")) or "_" not in tail:
        return line
    names = [f"{name[1:]} as {name}" if name[0] == "_" else name for name in tail.split(", ")]
    return f"{head}import {', '.join(names)}"


def _meant(text: str, clashing: set[str]) -> Iterable[tuple[int, int, str]]:
    """Where a name is not the module's own, nor a parameter's: rows, columns and names."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    inner = False
    for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if token.type != tokenize.NAME:
            continue
        if token.string in ("from", "import") and token.start[1] == 0:
            inner = after.string == "."  # of the mirror itself
        elif token.string in ("def", "class", "__all__"):
            inner = False
        if token.string not in clashing or before.string in ("def", "class", "."):
            continue
        if before.string in ("import", "as", ",") and inner:
            continue
        if after.string in (":", "=") and before.string not in ("->", ":", "|"):
            continue  # a parameter or a constant
        yield *token.start, token.string
