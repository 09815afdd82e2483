"""The ledger: what was found when the gradients of a package were checked.

Plain text, sorted, one line for each argument of each function, so that differences between two
runs can be read. It is data: nothing in it is executed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ..errors import MirrorError

if TYPE_CHECKING:  # a mirror reads its ledger without the checker
    from ..gradcheck import Verdict

__all__ = ["FAILED", "Finding", "Ledger", "has_failed", "verdict_of", "without_addresses"]

FAILED: Final = "its check failed"
"""How the detail of a finding begins where a gradient, or a twin's value, is wrong."""

_FIRST_LINE: Final = "# backprop-lift ledger 2"
_BEFORE: Final = "#> "
_COLUMNS: Final = (
    "function", "argument", "verdict", "oracle", "error", "calls", "options", "source", "given",
    "detail",
)  # fmt: skip


@dataclasses.dataclass(frozen=True, order=True, slots=True)
class Finding:
    """What was found about one argument of a function, or about the function as a whole.

    Attributes
    ----------
    function : str
        Dotted name, as the mirror's survey names its home.
    argument : str
        ``"-"`` for the function as a whole.
    verdict : str
        Of an argument one of gradcheck's words, or ``"flat"``: it moved, and the result did not.
        Of a function its status in the mirror.
    oracle : str
        What the gradient was compared with.
    error : str
        Worst relative difference, rounded up to a power of ten; ``"-"`` for none.
    calls : int
        How many calls were looked at.
    options : str
        Settings that the calls gave, ``name=value``, separated by blanks.
    source : str
        Hash of the function and all that it reaches.
    given : str
        Of a function: hash of the samples that were given for it, and of the code that set the
        package up.
    detail : str
        For a person: where the calls come from, why it is refused.
    """

    function: str
    argument: str
    verdict: str
    oracle: str = "-"
    error: str = "-"
    calls: int = 0
    options: str = "-"
    source: str = "-"
    given: str = "-"
    detail: str = ""

    def line(self) -> str:
        """The finding as a line of the ledger."""
        fields = (str(getattr(self, name)) for name in _COLUMNS)
        return "\t".join(" ".join(field.split()) for field in fields).rstrip()


def without_addresses(text: str) -> str:
    """A text without the places of objects in memory, which are others in each run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


class Ledger:
    """Findings, by function and argument.

    Parameters
    ----------
    findings : iterable of Finding, optional
    versions : dict, optional
        Of the packages that took part in the checks.
    before : str, optional
        Python code that set the package up.
    """

    def __init__(
        self,
        findings: Iterable[Finding] = (),
        versions: dict[str, str] | None = None,
        before: str = "",
    ) -> None:
        self.versions = dict(versions or {})
        self.before = before
        self._findings: dict[str, dict[str, Finding]] = {}
        self._members: dict[str, list[str]] = {}
        for finding in findings:
            self.add(finding)

    def add(self, finding: Finding) -> None:
        """Enter a finding, in place of an older one about the same argument."""
        if " at 0x" in finding.detail:
            finding = dataclasses.replace(finding, detail=without_addresses(finding.detail))
        if finding.function not in self._findings:
            owner = finding.function.rpartition(".")[0]
            self._members.setdefault(owner, []).append(finding.function)
        self._findings.setdefault(finding.function, {})[finding.argument] = finding

    def of(self, function: str) -> dict[str, Finding]:
        """The findings about a function, by argument."""
        return self._findings.get(function, {})

    def all_below(self, name: str) -> list[Finding]:
        """The findings about a function, or about a class and its methods."""
        return [f for function in self.below(name) for f in self.of(function).values()]

    def replace(self, name: str, findings: Iterable[Finding]) -> None:
        """Enter all that is known of a function, or a class and its methods, anew."""
        for function in self.below(name):
            self._findings[function] = {}
        for finding in findings:
            self.add(finding)
        for function in self.below(name):
            if not self._findings[function]:
                del self._findings[function]
                self._members[function.rpartition(".")[0]].remove(function)

    def below(self, name: str) -> list[str]:
        """A name that is known, and those of its methods."""
        return [*([name] if name in self._findings else []), *self._members.get(name, [])]

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(f for found in self._findings.values() for f in found.values()))

    def __len__(self) -> int:
        return len(self._findings)

    def __contains__(self, function: str) -> bool:
        return function in self._findings

    def text(self) -> str:
        """The ledger as it stands on disk."""
        lines = [_FIRST_LINE]
        lines += [f"# {name} {version}".rstrip() for name, version in sorted(self.versions.items())]
        if self.before:
            lines.append(f"{_BEFORE}{self.before}")
        lines.append("\t".join(_COLUMNS))
        lines += [finding.line() for finding in self]
        return "\n".join(lines) + "\n"

    @classmethod
    def read(cls, text: str, where: Any = "", *, strict: bool = True) -> Ledger:
        """The ledger of a text.

        Parameters
        ----------
        text : str
        where : object, optional
            Its place, for errors.
        strict : bool, optional
            False leaves out what cannot be read: those functions are checked anew.

        Raises
        ------
        MirrorError
            If it is none; the message names the line.
        """
        lines = text.splitlines()
        if not lines or lines[0] != _FIRST_LINE:
            if not strict:
                return cls()
            raise MirrorError(
                f"{where or 'The text'} is no ledger of this version.",
                "Delete it; the next run writes it anew.",
                expected=_FIRST_LINE,
                got=(lines or [""])[0][:60],
            )
        ledger = cls()
        for number, line in enumerate(lines[1:], 2):
            if line.startswith(_BEFORE):
                ledger.before = line.removeprefix(_BEFORE)
            elif line.startswith("#"):
                name, _, version = line[1:].strip().partition(" ")
                ledger.versions[name] = version
            elif line and not line.startswith(_COLUMNS[0] + "\t"):
                finding = _read(line)
                if finding is not None:
                    ledger.add(finding)
                elif strict:
                    raise MirrorError(
                        "A line of the ledger cannot be read.",
                        "Delete the line; the next run checks that function anew.",
                        at=f"{where}:{number}",
                        got=line[:80],
                    )
        return ledger


def _read(line: str) -> Finding | None:
    """The finding that a line says, or None."""
    fields: list[Any] = line.split("\t")
    fields += [""] * (len(_COLUMNS) - len(fields))
    if len(fields) != len(_COLUMNS) or not fields[5].isdecimal():
        return None
    fields[5] = int(fields[5])
    return Finding(*fields)


def has_failed(findings: Iterable[Finding]) -> bool:
    """Did the check of a function find something that may not stand?"""
    return any(f.argument == "-" and f.detail.startswith(FAILED) for f in findings)


def verdict_of(findings: Iterable[Finding]) -> Verdict:
    """The checker's word for a function, by the findings about it and its arguments.

    Parameters
    ----------
    findings : iterable of Finding
        About one function.
    """
    found = list(findings)
    whole = next((f for f in found if f.argument == "-"), None)
    arguments = [f for f in found if f.argument != "-"]
    if has_failed(found):
        failed = {f.verdict for f in arguments if f.detail.startswith(FAILED)}
        return _first(_FAILURES, failed, "wrong")
    if whole is None or whole.verdict in ("noGrad", "as it is"):
        return "no evidence"
    if whole.verdict == "locally constant":
        return "right"
    words = {f.verdict for f in arguments}
    return _first(_EVIDENCE, words, "no evidence")


def _first(words: tuple[Verdict, ...], seen: set[str], otherwise: Verdict) -> Verdict:
    for word in words:
        if word in seen:
            return word
    return otherwise


_FAILURES: Final[tuple[Verdict, ...]] = ("wrong", "edge", "kink", "noise")
_EVIDENCE: Final[tuple[Verdict, ...]] = ("right", "kink", "edge", "noise")
