"""Drift as a CI system's tests."""

from xml.etree import ElementTree as Xml

from replicator.render.drift import News
from replicator.render.junit import drift_junit
from tests.render.drifted import item, night, report


def test_each_drift_is_a_test_and_only_what_counts_fails() -> None:
    found = night()
    accepted, known, new = found.items[:1], found.items[1:3], found.items[3:]
    news = News(new, known, accepted=accepted, until={accepted[0].fingerprint: ""})
    for only_new, failures in ((False, len(new) + len(known)), (True, len(new))):
        [suite] = Xml.fromstring(drift_junit(found, news, only_new=only_new))
        assert suite.get("tests") == str(len(found.items)) == str(len(suite.findall("testcase")))
        assert suite.get("failures") == str(failures) == str(len(suite.findall("testcase/failure")))
        assert suite.get("skipped") == str(len(suite.findall("testcase/skipped")))


def test_a_failure_tells_what_changed_and_its_fingerprint() -> None:
    found = report(item("target:schema/a.<b>\x00", "it's <edited> & so on"))
    [suite] = Xml.fromstring(drift_junit(found, News(found.items)))
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert failure.text is not None
    assert "<edited> & so on" in failure.text
    assert found.items[0].fingerprint in failure.text


def test_without_drift_one_test_passes() -> None:
    [suite] = Xml.fromstring(drift_junit(report(), News(())))
    assert [case.get("name") for case in suite] == ["310 resources are as last applied"]
    assert len(suite[0]) == 0
