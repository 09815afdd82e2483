"""A function that says when it begins: a call at the top of its code, and of nobody else's.

Other functions run at full speed, which a profiler would not let them. From Python 3.12 on the
interpreter offers this itself (`sys.monitoring`); this is for 3.11.
"""

from __future__ import annotations

import inspect
import opcode
import types
from collections.abc import Callable, Iterator

__all__ = ["with_prologue"]

_GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_NO_LOCATION = 0x80 | 15 << 3


def with_prologue(code: types.CodeType, call: Callable[[], object]) -> types.CodeType | None:
    """The code of a function with a call before its first line; None where that is not known.

    Parameters
    ----------
    code : code
    call : callable
        Called without arguments when the function begins; its result is dropped.

    References
    ----------
    CPython 3.11, Objects/exception_handling_notes.txt and Objects/locations.md: the two tables that
    count positions in the code.
    """
    if code.co_flags & _GENERATORS:
        return None
    at = _after_resume(code.co_code)
    if at is None:
        return None
    prologue = _prologue(len(code.co_consts))
    start, units = at // 2, len(prologue) // 2
    locations = _with_locations(code.co_linetable, start, units)
    handlers = _shifted(code.co_exceptiontable, start, units)
    if locations is None or handlers is None:
        return None
    return code.replace(
        co_code=code.co_code[:at] + prologue + code.co_code[at:],
        co_consts=(*code.co_consts, call),
        co_stacksize=max(code.co_stacksize, 3),
        co_linetable=locations,
        co_exceptiontable=handlers,
    )


def _caches(name: str) -> bytes:
    """The room behind an instruction that the interpreter keeps notes in."""
    return bytes(2 * _room(opcode.opmap[name]))


def _room(instruction: int) -> int:
    return int(opcode._inline_cache_entries[instruction])  # type: ignore[attr-defined]


def _after_resume(code: bytes) -> int | None:
    """Where a function's own code begins: cells and free variables are set up by then."""
    at = 0
    while at < len(code):
        if code[at] == opcode.opmap["RESUME"]:
            return at + 2
        at += 2 + 2 * _room(code[at])
    return None


def _prologue(constant: int) -> bytes:
    """Instructions that call a constant."""
    code = bytes([opcode.opmap["PUSH_NULL"], 0])
    if constant > 0xFFFF:
        code += bytes([opcode.EXTENDED_ARG, constant >> 16])
    if constant > 0xFF:
        code += bytes([opcode.EXTENDED_ARG, constant >> 8 & 0xFF])
    code += bytes([opcode.opmap["LOAD_CONST"], constant & 0xFF])
    for name in ("PRECALL", "CALL"):
        code += bytes([opcode.opmap[name], 0]) + _caches(name)
    return code + bytes([opcode.opmap["POP_TOP"], 0])


def _with_locations(table: bytes, start: int, units: int) -> bytes | None:
    """The table of source positions, with none for instructions that come in between."""
    at = position = 0
    while at < len(table) and position < start:
        position += (table[at] & 7) + 1
        at += 1
        while at < len(table) and not table[at] & 0x80:
            at += 1
    if position != start:
        return None
    between = b""
    while units:
        length = min(units, 8)
        between += bytes([_NO_LOCATION | (length - 1)])
        units -= length
    return table[:at] + between + table[at:]


def _shifted(table: bytes, start: int, units: int) -> bytes | None:
    """The table of exception handlers, for code that has moved."""
    numbers = list(_numbers(table))
    shifted = b""
    for k in range(0, len(numbers), 4):
        begin, length, target, depth = numbers[k : k + 4]
        if begin < start < begin + length:
            return None
        begin += units * (begin >= start)
        target += units * (target >= start)
        shifted += _number(begin, first=True) + b"".join(map(_number, (length, target, depth)))
    return shifted


def _numbers(table: bytes) -> Iterator[int]:
    """The numbers of the table, of six bits a byte; a seventh says that there is more."""
    number = 0
    for byte in table:
        number = number << 6 | byte & 63
        if not byte & 64:
            yield number
            number = 0


def _number(value: int, first: bool = False) -> bytes:
    digits = [value & 63]
    while value := value >> 6:
        digits.append(value & 63 | 64)
    digits[-1] |= 128 * first
    return bytes(reversed(digits))
