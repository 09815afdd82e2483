"""Mirrors: packages of twins, written as source.

`survey` finds the public names of a package, `evidence` checks their gradients, `ledger` keeps
what was found, `plan` decides what each name becomes, `render` prints it and `write` puts it on
disk. A written mirror needs `twins` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .memory import live

__all__ = ["live"]


def __getattr__(name: str) -> Any:
    """The maker of mirrors without files, loaded when it is asked for: a mirror needs none of it."""
    if name == "live":
        from .memory import live

        return live
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
