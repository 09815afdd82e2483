"""The plan of a mirror: what each public name becomes, and why. Pure."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from .._space import is_namedtuple
from .ledger import Finding, Ledger
from .members import members_of, own_init
from .survey import Kind, Module, Public, Survey

__all__ = ["CHANGED", "UNCHECKED", "Line", "Page", "Plan", "Status", "plain_class", "planned"]

CHANGED: Final = "it has changed since it was checked"
UNCHECKED: Final = "it was not checked"
"""Why a function is refused of which there is no finding that holds."""

Status = Literal["lifted", "composite", "locally constant", "noGrad", "as it is"]


@dataclasses.dataclass(frozen=True)
class Line:
    """What one public name becomes.

    Attributes
    ----------
    name : str
    kind : str
    home : str
        Dotted name, in the package, of where it is defined; another module's for what is imported.
    status : str
    differentiable : tuple of str
        Parameters whose gradients were checked.
    reason : str
        Why it is what it is.
    value : object
        The original.
    methods : tuple of str
        Of a class: those whose gradients were checked.
    refused : tuple of (str, str)
        Of a class: its other methods, with the reasons.
    is_setting : bool
        A constant that functions of its module change.
    """

    name: str
    kind: Kind
    home: str
    status: Status
    differentiable: tuple[str, ...] = ()
    reason: str = ""
    value: Any = None
    methods: tuple[str, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()
    is_setting: bool = False


@dataclasses.dataclass(frozen=True)
class Page:
    """One module of a mirror.

    Attributes
    ----------
    module : str
        Of the package, dotted.
    lines : tuple of Line
        Of the names that it defines.
    imports : tuple of Line
        Of the names that it has from other modules of the mirror.
    exports, loaded : tuple of str
        As those of `Module`.
    is_package : bool
    doc : str
        First sentence of its docstring.
    """

    module: str
    lines: tuple[Line, ...]
    imports: tuple[Line, ...]
    exports: tuple[str, ...]
    loaded: tuple[str, ...]
    is_package: bool
    doc: str


@dataclasses.dataclass(frozen=True)
class Plan:
    """A mirror before it is written.

    Attributes
    ----------
    package, distribution, version : str
    name : str
        Import name of the mirror.
    licence : str
        That of the package, as its distribution says it; empty where none is found.
    pages : tuple of Page
    absent : dict
        Modules that could not be imported, with the reason.
    """

    package: str
    distribution: str
    version: str
    name: str
    licence: str
    pages: tuple[Page, ...]
    absent: dict[str, str]

    def lines(self) -> Iterator[Line]:
        """Every name that is defined, once."""
        for page in self.pages:
            yield from page.lines

    def functions(self) -> Iterator[Line]:
        """Every function and class with numbers to differentiate, once."""
        return (line for line in self.lines() if line.kind in ("function", "class"))


def planned(survey: Survey, ledger: Ledger, name: str) -> Plan:
    """Decide what each public name becomes.

    Parameters
    ----------
    survey : Survey
    ledger : Ledger
        What was found about its functions; what is not in there is not differentiable.
    name : str
        Import name of the mirror.
    """
    pages = tuple(_page(module, ledger) for module in survey.modules)
    return Plan(
        survey.package,
        survey.distribution,
        survey.version,
        name,
        survey.licence,
        pages,
        dict(survey.absent),
    )


def _page(module: Module, ledger: Ledger) -> Page:
    lines = [_line(public, ledger) for public in module.names]
    here = tuple(li for li in lines if li.home == f"{module.name}.{li.name}")
    elsewhere = tuple(li for li in lines if li.home != f"{module.name}.{li.name}")
    doc = _first_sentence(module.value.__doc__ or "")
    return Page(module.name, here, elsewhere, module.exports, module.loaded, module.is_package, doc)


def _first_sentence(docs: str) -> str:
    paragraph = " ".join(docs.strip().partition("\n\n")[0].split())
    return re.split(r"(?<=[.!?])\s", paragraph)[0]


def _line(public: Public, ledger: Ledger) -> Line:
    bare = Line(public.name, public.kind, public.home, "as it is", value=public.value)
    if public.kind == "module":
        return dataclasses.replace(bare, reason="module")
    if public.kind == "constant":
        reason = "a setting" if public.is_setting else "constant"
        return dataclasses.replace(bare, reason=reason, is_setting=public.is_setting)
    reason = plain_class(public.value) if public.kind == "class" else ""
    if reason:
        return dataclasses.replace(bare, reason=reason)
    found = ledger.of(public.home)
    if "-" not in found:
        return dataclasses.replace(bare, status="noGrad", reason=UNCHECKED)
    methods = {
        name.rpartition(".")[2]: ledger.of(name)["-"]
        for name in ledger.below(public.home)
        if name != public.home
    }
    refused = {n: whole.detail for n, whole in methods.items() if _status(whole) == "noGrad"}
    return dataclasses.replace(
        bare,
        status=_status(found["-"]),
        reason=found["-"].detail,
        differentiable=_differentiable(found, public.value),
        methods=tuple(sorted(methods.keys() - refused.keys())),
        refused=tuple(sorted(refused.items())),
    )


def _status(whole: Finding) -> Status:
    known: tuple[Status, ...] = ("lifted", "composite", "locally constant", "as it is")
    for status in known:
        if whole.verdict == status:
            return status
    return "noGrad"


def _differentiable(found: dict[str, Finding], function: Any) -> tuple[str, ...]:
    """The parameters whose gradients may be used, in the order of the signature."""
    good = {
        argument
        for argument, finding in found.items()
        if argument != "-" and finding.verdict in ("right", "flat", "kink", "edge")
    }
    with contextlib.suppress(ValueError, TypeError):
        ordered = [name for name in inspect.signature(function).parameters if name in good]
        return (*ordered, *sorted(good.difference(ordered)))
    return tuple(sorted(good))


def plain_class(cls: type) -> str:
    """Why a class needs no twin; empty for one that may."""
    if issubclass(cls, BaseException):
        return "an exception"
    if issubclass(cls, enum.Enum):
        return "an enumeration"
    if is_namedtuple(cls):
        return "a named tuple"
    if getattr(cls, "_is_protocol", False):
        return "a protocol"
    if inspect.isabstract(cls):
        return "an abstract class"
    init = own_init(cls)
    generated = init is not None and init.__code__.co_filename == "<string>"
    if generated and not members_of(cls) and not hasattr(cls, "__post_init__"):
        return "a record"
    return ""
