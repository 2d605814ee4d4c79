"""Links between the pages lead somewhere."""

import re

import pytest

from tests.docs.pages import DOCS, page, sections


def anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-")


@pytest.mark.parametrize("name", sorted(path.name for path in DOCS.glob("*.md")))
def test_links_lead_to_pages_and_headings_that_exist(name: str) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page(name)):
        file, _, heading = target.partition("#")
        if "://" in target:
            continue
        assert not file or (DOCS / file).exists(), f"{name}: {target}"
        assert not heading or heading in map(anchor, sections(page(file or name))), f"{name}: {target}"
