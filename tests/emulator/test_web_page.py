"""The page on which a person looks inside: who may, what it shows, and that a browser accepts it."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from replicator.emulator import Endpoint, requestlog, sql
from replicator.emulator.principals import revoke_token

Serve = Callable[..., Endpoint]
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SETUP = """
CREATE CATALOG main COMMENT 'The <i>books</i>';
CREATE SCHEMA main.sales;
CREATE TABLE main.sales.orders (id BIGINT NOT NULL COMMENT 'the key', name STRING) COMMENT 'Every order';
INSERT INTO main.sales.orders VALUES (41, '<script>alert(1)</script>'), (42, NULL);
CREATE VIEW main.sales.big AS SELECT * FROM main.sales.orders WHERE id > 41;
CREATE SHARE sh;
ALTER SHARE sh ADD TABLE main.sales.orders
"""


@pytest.fixture
def filled(endpoint: Serve) -> Endpoint:
    """A metastore with a table, a view and a share."""
    e = endpoint()
    session = e.session()
    for statement in SETUP.strip().split(";\n"):
        sql.execute(session, statement)
    return e


def visit(e: Endpoint, token: str | None = None, **query: str) -> requests.Response:
    """The page as somebody who opens the printed address sees it."""
    with requests.Session() as browser:
        return browser.get(f"{e.url}/", params={"token": token or e.token, **query}, timeout=9)


class Text(HTMLParser):
    """The visible text of a page, and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "action")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] != ["style"]:
            self.words.append(data)

    def __contains__(self, text: str) -> bool:
        return text in " ".join(self.words)


# ---- who may look


def test_without_a_token_there_is_only_a_form(filled: Endpoint) -> None:
    for query in ("", "?table=main.sales.orders", "?token=", "?token=wrong"):
        answer = requests.get(f"{filled.url}/{query}", timeout=9)
        assert answer.status_code == 401
        assert "orders" not in answer.text
        assert "form" in Text(answer.text).tags


def test_a_token_is_exchanged_for_a_cookie_and_leaves_the_address(filled: Endpoint) -> None:
    params = {"token": filled.token, "share": "sh"}
    answer = requests.get(f"{filled.url}/", params=params, allow_redirects=False, timeout=9)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?share=sh")
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert filled.token not in cookie
    assert filled.token not in (filled.store.root / requestlog.FILE).read_text()


def test_the_form_takes_a_token_too(filled: Endpoint) -> None:
    with requests.Session() as browser:
        assert "main" in Text(browser.post(f"{filled.url}/", data={"token": filled.token}, timeout=9).text)
        assert browser.get(f"{filled.url}/", timeout=9).status_code == 200
        assert browser.post(f"{filled.url}/", data={"token": "wrong"}, timeout=9).status_code == 401


def test_the_cookie_opens_the_page_only_and_ends_with_the_token(filled: Endpoint) -> None:
    with requests.Session() as browser:
        token = filled.token_for(filled.metastore.owner)
        assert browser.get(f"{filled.url}/?token={token}", timeout=9).status_code == 200
        assert browser.get(f"{filled.url}/api/2.1/unity-catalog/catalogs", timeout=9).status_code == 401
        revoke_token(filled.store, filled.name, token)
        assert browser.get(f"{filled.url}/", timeout=9).status_code == 401


def test_other_host_names_are_refused(filled: Endpoint) -> None:
    answer = requests.get(f"{filled.url}/?token={filled.token}", headers={"Host": "evil.example"}, timeout=9)
    assert answer.status_code == 403


def test_nobody_sees_more_than_the_grants_allow(filled: Endpoint) -> None:
    token = filled.token_for("ann@x.com")
    assert "main" not in Text(visit(filled, token).text)
    assert visit(filled, token, table="main.sales.orders").status_code == 403
    for statement in (
        "GRANT USE CATALOG ON CATALOG main TO `ann@x.com`",
        "GRANT USE SCHEMA ON SCHEMA main.sales TO `ann@x.com`",
        "GRANT SELECT ON VIEW main.sales.big TO `ann@x.com`",
    ):
        sql.execute(filled.session(), statement)
    shown = Text(visit(filled, token).text)
    assert "big" in shown
    assert "orders" not in shown
    assert "42" in Text(visit(filled, token, table="main.sales.big").text)


def test_only_owners_see_the_requests_of_others(filled: Endpoint) -> None:
    token = filled.token_for("ann@x.com")
    address = f"{filled.url}/api/2.1/unity-catalog/schemas?catalog_name=secret_name"
    requests.get(address, headers={"Authorization": f"Bearer {filled.token}"}, timeout=9)
    assert "secret_name" in Text(visit(filled).text)
    assert "secret_name" not in Text(visit(filled, token).text)


# ---- what it shows


def test_the_first_page_shows_the_tree(filled: Endpoint, endpoint: Serve) -> None:
    endpoint("eu-west")
    shown = Text(visit(filled).text)
    for word in ("us-east", "eu-west", "main", "sales", "orders", "big", "view", "sh", filled.metastore.global_id):
        assert word in shown, word


def test_a_table_shows_columns_history_and_rows(filled: Endpoint) -> None:
    shown = Text(visit(filled, table="main.sales.orders").text)
    for word in ("Every order", "the key", "bigint", "not null", "CREATE TABLE", "numOutputRows=2", "41", "NULL"):
        assert word in shown, word


def test_a_view_shows_its_definition(filled: Endpoint) -> None:
    assert "WHERE id > 41" in Text(visit(filled, table="main.sales.big").text)


def test_catalogs_schemas_and_shares_have_a_page(filled: Endpoint) -> None:
    assert "default" in Text(visit(filled, catalog="main").text)
    assert "orders" in Text(visit(filled, catalog="main", schema="sales").text)
    assert "ACTIVE" in Text(visit(filled, share="sh").text)
    assert visit(filled, table="main.sales.no").status_code == 404
    assert visit(filled, table="x").status_code == 400


def test_everything_is_escaped(filled: Endpoint) -> None:
    for query in ({"catalog": "main"}, {"table": "main.sales.orders"}, {"table": "<script>.a.b"}):
        page = visit(filled, **query)
        assert not {"script", "i"} & {*Text(page.text).tags}
    assert "<script>alert(1)</script>" in Text(visit(filled, table="main.sales.orders").text)


def test_nothing_is_loaded_from_anywhere(filled: Endpoint) -> None:
    page = visit(filled)
    assert all(link.startswith("/") for link in Text(page.text).links)
    policy = page.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy


def test_a_large_metastore_opens_one_schema_at_a_time(filled: Endpoint) -> None:
    store, name = filled.store, filled.name
    doc = store.get(name, "table", "main", "sales", "orders") or {}
    with store.transaction():
        for number in range(500):
            table = f"t{number:04}"
            fields = {"name": table, "full_name": f"main.default.{table}", "schema_name": "default"}
            store.put(name, "table", "main", "default", table, doc=doc | fields)
    assert "t0000" not in Text(visit(filled).text)
    shown = Text(visit(filled, catalog="main", schema="default").text)
    assert "t0000" in shown
    assert "and 200 more" in shown


# ---- in a browser


@pytest.mark.slow
def test_a_browser_shows_the_page_with_its_style(filled: Endpoint, tmp_path: Path) -> None:
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        pytest.skip(f"no browser is installed: none of {', '.join(BROWSERS)} is on the PATH")
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --enable-logging=stderr --window-size=1280,900"
    address = f"{filled.url}/?token={filled.token}&table=main.sales.orders"
    shot = tmp_path / "page.png"
    outputs = [f"--screenshot={shot}", "--dump-dom"]
    runs = [
        subprocess.run(
            [browser, *flags.split(), f"--user-data-dir={tmp_path / str(number)}", output, address],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        for number, output in enumerate(outputs)
    ]
    assert "Every order" in runs[1].stdout
    assert "token=" not in runs[1].stdout
    # A refused style is reported on the console, and leaves a page of few colours.
    assert not re.search(r"CONSOLE.*(Content Security Policy|Refused)", runs[0].stderr)
    assert shot.stat().st_size > 20_000
