"""GET and POST /: the page, for whoever holds a token. A token in the address is at once exchanged for a cookie."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from replicator.emulator.errors import ApiError
from replicator.emulator.principals import authenticate
from replicator.emulator.routing import Request, Response, Route
from replicator.emulator.web import page
from replicator.emulator.web.html import Html, el, join
from replicator.emulator.web.style import CSS, HEADERS

_HTML = "text/html; charset=utf-8"


def show(request: Request) -> Response:
    """GET /?token=&catalog=&schema=&table=&share=."""
    if "token" in request.query:
        return _enter(request, request.query["token"])
    principal = _principal(request)
    if principal is None:
        return _document(401, "Sign in", _login(""))
    request.principal = principal
    request.log["principal"] = principal
    try:
        return _document(200, page.title(request), page.body(request))
    except ApiError as error:
        return _document(error.status, "Not found", page.refused(request, error))


def sign_in(request: Request) -> Response:
    """POST / with token= from the form."""
    form = dict(parse_qsl(request.body.decode("utf-8", "replace")))
    return _enter(request, form.get("token", "").strip())


def _enter(request: Request, token: str) -> Response:
    """Exchange a token for a cookie that opens this page only: other servers on this host see its cookies."""
    workspace = request.workspace
    if authenticate(workspace.store, workspace.metastore.name, token) is None:
        return _document(401, "Sign in", _login("This token is not valid."))
    rest = {key: value for key, value in request.query.items() if key != "token"}
    cookie = f"{_cookie(request)}={workspace.visits.open(token)}; Path=/; HttpOnly; SameSite=Strict"
    if workspace.url.startswith("https:"):
        cookie += "; Secure"
    target = "/?" + urlencode(rest) if rest else "/"
    return Response(303, b"", _HTML, HEADERS | {"Location": target, "Set-Cookie": cookie})


def _principal(request: Request) -> str | None:
    """Who looks: the cookie stands for a token, which must still be valid."""
    try:
        cookies = SimpleCookie(request.headers.get("Cookie", ""))
    except CookieError:
        return None
    morsel = cookies.get(_cookie(request))
    token = request.workspace.visits.token(morsel.value) if morsel is not None else None
    workspace = request.workspace
    return authenticate(workspace.store, workspace.metastore.name, token) if token else None


def _cookie(request: Request) -> str:
    """Cookies do not know ports: each server of this host has one of its own."""
    return f"emulator-{request.workspace.url.rpartition(':')[2]}"


def _login(problem: str) -> Html:
    return el(
        "section",
        el("h1", "Emulated Databricks workspace"),
        el("p", "Open the address that “replicator emulator serve” printed, or paste its token.", class_="soft"),
        el("p", problem, class_="chip bad") if problem else None,
        el(
            "form",
            Html('<input type="password" name="token" aria-label="Token" placeholder="Token" required autofocus>'),
            el("p", el("button", "Look inside")),
            method="post",
            action="/",
        ),
        class_="login",
    )


def _document(status: int, title: str, body: Html) -> Response:
    head = join(
        [
            Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'),
            el("title", title),
            Html(f"<style>{CSS}</style>"),
        ]
    )
    text = "<!doctype html>" + el("html", el("head", head), el("body", body), lang="en")
    return Response(status, text.encode("utf-8", "backslashreplace"), _HTML, HEADERS)


ROUTES = (
    Route("GET", "/", show, public=True, secret=True),
    Route("POST", "/", sign_in, public=True, writes=False, secret=True),
)
