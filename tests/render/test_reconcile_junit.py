"""Verdicts as a CI system's tests."""

from xml.etree import ElementTree as Xml

from replicator.render.reconcile_junit import report_junit
from tests.render.verdicts import a_bad_day, report, result


def test_every_copy_is_a_test_and_what_is_not_proven_equal_does_not_pass() -> None:
    [suite] = Xml.fromstring(report_junit(a_bad_day()))
    assert [suite.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["8", "2", "2", "0"]
    bad = {case.get("name"): [child.tag for child in case] for case in suite if case.find("system-out") is None}
    assert bad == {"orders": ["failure"], "totals": ["failure"], "people": ["error"], "events": ["error"]}
    people = suite.find("testcase[@name='people']/error")
    assert people is not None
    assert people.get("type") == "UNVERIFIABLE(masked)"
    assert "salary (a mask hides it from us)" in (people.text or "")


def test_what_a_metastore_says_stays_text() -> None:
    [suite] = Xml.fromstring(report_junit(report(result("a.b.<c>\x00", message="it's <fine> & so on"))))
    assert [case.get("name") for case in suite] == ["<c>\\x00"]
    assert suite[0][0].text == "MATCH: it's <fine> & so on"
