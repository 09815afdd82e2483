"""What checks found, for machines: JSON, and JUnit's XML."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any, Final

from .findings import Findings
from .ledger import FAILED, Finding, has_failed, verdict_of
from .report import VERDICTS, by_function

__all__ = ["json_text", "junit_text"]


def json_text(found: Findings) -> str:
    """The findings of a run as JSON: a verdict for each function, and what it stands on."""
    functions: dict[str, Any] = {}
    counts = dict.fromkeys(VERDICTS, 0)
    for name, findings in by_function(found).items():
        functions[name] = _function(findings)
        counts[verdict_of(findings)] += 1
    for name, one in found.fresh.items():
        if one.mutation is not None and name in functions:
            functions[name]["mutation"] = {
                "total": one.mutation.total,
                "caught": one.mutation.caught,
                "missed": one.mutation.missed,
                "untold": one.mutation.untold,
                "harmless": one.mutation.harmless,
            }
    said = {
        "package": found.survey.package,
        "versions": found.ledger.versions,
        "verdicts": counts,
        "checked": len(found.waiting),
        "functions": functions,
    }
    return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def _function(findings: list[Finding]) -> dict[str, Any]:
    whole = next((f for f in findings if f.argument == "-"), findings[0])
    return {
        "verdict": verdict_of(findings),
        "failed": has_failed(findings),
        "status": whole.verdict,
        "detail": whole.detail,
        "calls": whole.calls,
        "options": [] if whole.options == "-" else whole.options.split(),
        "source": whole.source,
        "arguments": {f.argument: _argument(f) for f in findings if f.argument != "-"},
    }


def _argument(finding: Finding) -> dict[str, Any]:
    return {
        "verdict": _word(finding),
        "oracle": finding.oracle,
        "worst error": None if finding.error == "-" else float(finding.error),
        "calls": finding.calls,
        "detail": finding.detail,
    }


def _word(finding: Finding) -> str:
    """The checker's word for an argument: of one that moved nothing, there is no evidence."""
    return "no evidence" if finding.verdict == "flat" else finding.verdict


def junit_text(found: Findings) -> str:
    """The findings of a run as JUnit's XML: a test for each function, and for each argument."""
    suite = ET.Element("testsuite", name=f"backprop-lift check {found.survey.package}")
    failures = skipped = 0
    for name, findings in by_function(found).items():
        module, _, short = name.rpartition(".")
        for finding in findings:
            whole = finding.argument == "-"
            title = short if whole else f"{short}[{finding.argument}]"
            case = ET.SubElement(suite, "testcase", classname=module, name=title, time="0")
            if finding.detail.startswith(FAILED):
                ET.SubElement(case, "failure", message=_plain(finding.detail), type=_word(finding))
                failures += 1
            elif (verdict_of(findings) if whole else _word(finding)) == "no evidence":
                ET.SubElement(case, "skipped", message=_plain(finding.detail or "no evidence"))
                skipped += 1
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(failures))
    suite.set("errors", "0")
    suite.set("skipped", str(skipped))
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root, " ")
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_UNSAYABLE: Final = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _plain(text: str) -> str:
    """Text without what XML cannot say."""
    return _UNSAYABLE.sub("?", text)
