"""Drift as JUnit XML, which CI systems show as tests: every drift is a test, and what counts is a failure."""

from xml.etree import ElementTree as Xml

from replicator.engine.drift import DriftItem, DriftReport
from replicator.render import changes as change_text
from replicator.render.drift import News, ordered, who
from replicator.render.look import clean
from replicator.wording import many


def drift_junit(report: DriftReport, news: News, *, only_new: bool = False) -> str:
    """One suite. What is accepted, and with `only_new` what is known, is skipped; without drift one test passes."""
    skipped = {item.fingerprint: "accepted" for item in news.accepted}
    if only_new:
        skipped |= {item.fingerprint: "known" for item in news.known}
    items = ordered(report.items)
    suite = Xml.Element(
        "testsuite",
        name=f"replicator drift {clean(report.environment)}",
        tests=str(max(1, len(items))),
        failures=str(len(items) - len(skipped)),
        errors="0",
        skipped=str(len(skipped)),
    )
    for item in items:
        case = Xml.SubElement(suite, "testcase", classname=_suite(item), name=clean(item.address))
        if item.fingerprint in skipped:
            Xml.SubElement(case, "skipped", message=skipped[item.fingerprint])
        else:
            told = [clean(item.message), *(text for text, _ in change_text.lines(item.changes, 200))]
            failure = Xml.SubElement(case, "failure", type=item.kind.value, message=_head(item))
            told += [f"by {who(item)}"] if who(item) else []
            failure.text = "\n".join([*filter(None, told), f"way out: {clean(item.command)}", item.fingerprint])
    if not items:
        Xml.SubElement(
            suite,
            "testcase",
            classname="drift",
            name=f"{many(report.objects, 'resource is', 'resources are')} as last applied",
        )
    suites = Xml.Element("testsuites")
    suites.append(suite)
    Xml.indent(suites)
    return Xml.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _suite(item: DriftItem) -> str:
    return f"drift.{clean(item.address.partition('/')[0].replace(':', '.'))}"


def _head(item: DriftItem) -> str:
    return clean(item.message) or item.kind.value.replace("_", " ")
