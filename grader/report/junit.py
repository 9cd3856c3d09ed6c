"""The report as JUnit's XML, which CI systems show: a check is a test case.

There is no standard; this is the form that Jenkins reads (junit-10.xsd of its xunit plugin).
"""

import xml.etree.ElementTree as ElementTree

from grader.client import printable
from grader.report.gradescope import text
from grader.results import CheckResult, Result

TAGS = {"failed": "failure", "error": "error", "skipped": "skipped"}


def xml(result: Result) -> str:
    """The file's text."""
    statuses = [check.status for check in result.checks]
    suite = ElementTree.Element(
        "testsuite",
        name=_clean(f"mingpt-lab: {result.submission}"),
        tests=str(len(statuses)),
        failures=str(statuses.count("failed")),
        errors=str(statuses.count("error")),
        skipped=str(statuses.count("skipped")),
        timestamp=_clean(result.environment["date"][:19]),
        time=f"{sum(check.seconds for check in result.checks):.3f}",
    )
    properties = ElementTree.SubElement(suite, "properties")
    for name in ("score", "max_score", "extra"):
        value = f"{getattr(result, name):g}"
        ElementTree.SubElement(properties, "property", name=name, value=value)
    for flag in result.flags:
        value = _clean(f"{flag['id']}: {flag['text']}")
        ElementTree.SubElement(properties, "property", name="flag", value=value)
    for check in result.checks:
        _case(suite, check, result.outputs.get(check.id, ""))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _case(suite: ElementTree.Element, check: CheckResult, output: str) -> None:
    name = _clean(f"{check.id}: {check.title}")
    case = ElementTree.SubElement(
        suite, "testcase", classname="grader", name=name, time=f"{check.seconds:.3f}"
    )
    if check.status in TAGS:
        first = _clean(check.message.split("\n")[0]) or check.status
        element = ElementTree.SubElement(case, TAGS[check.status], message=first)
        if check.status != "skipped":
            element.set("type", check.status)
        element.text = _clean(text(check))
    if output:
        ElementTree.SubElement(case, "system-out").text = _clean(output)


def _clean(text: str) -> str:
    """XML has no room for control characters, surrogates and two of Unicode's last."""
    return "".join("\ufffd" if c in "\ufffe\uffff" else c for c in printable(text))
