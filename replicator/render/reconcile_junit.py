"""Verdicts as JUnit XML, which CI systems show as tests: every copy is a test, and whatever is not equal fails."""

from xml.etree import ElementTree as Xml

from replicator.reconciliation.verdicts import CheckResult, Report, Verdict
from replicator.render.look import Look, clean
from replicator.render.reconcile import detail_lines

_ELEMENT = {
    Verdict.MISMATCH: "failure",
    Verdict.SCHEMA_MISMATCH: "failure",
    Verdict.ERROR: "error",
    Verdict.UNVERIFIABLE: "error",
}
"""What nobody could verify is an error and not a skipped test: CI systems let skipped tests pass."""


def report_junit(report: Report) -> str:
    """One suite for the run."""
    kinds = [_ELEMENT.get(result.verdict) for result in report.tables]
    suite = Xml.Element(
        "testsuite",
        name=f"replicator reconcile {clean(report.environment)}",
        tests=str(len(report.tables)),
        failures=str(kinds.count("failure")),
        errors=str(kinds.count("error")),
        skipped="0",
        timestamp=report.started_at,
        time=f"{sum(result.seconds for result in report.tables):.3f}",
    )
    for result in report.tables:
        suite.append(_case(result))
    suites = Xml.Element("testsuites")
    suites.append(suite)
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _case(result: CheckResult) -> Xml.Element:
    schema, _, name = clean(result.table).rpartition(".")
    case = Xml.Element("testcase", classname=f"reconcile.{schema}", name=name, time=f"{result.seconds:.3f}")
    element = _ELEMENT.get(result.verdict)
    if element is None:
        Xml.SubElement(case, "system-out").text = clean(f"{result.verdict}: {result.message}")
        return case
    kind = f"{result.verdict}({result.reason})" if result.reason else result.verdict.value
    told = Xml.SubElement(case, element, type=kind, message=clean(result.message))
    told.text = "\n".join(line.strip() for line in detail_lines(result, Look(width=200, full=True)))
    return case
