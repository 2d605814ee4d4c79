"""The look of the page. Its hash stands in the page's Content-Security-Policy, so that no other style applies."""

from __future__ import annotations

import base64
import hashlib

CSS = """
:root{color-scheme:light dark;--bg:#f6f7f9;--card:#fff;--text:#1b2430;--soft:#5b6775;--line:#e1e5ea;--accent:#b4371f;
--mark:#fbeae6;--code:#eef1f4;--good:#1a7048;--warn:#8a5a00;--bad:#b3261e}
@media (prefers-color-scheme:dark){:root{--bg:#14181d;--card:#1c2228;--text:#e4e8ec;--soft:#98a4b1;--line:#2e363f;
--accent:#ff8a70;--mark:#38241f;--code:#252c34;--good:#63c796;--warn:#e0b050;--bad:#ff8f86}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--text);font:14px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"DejaVu Sans",sans-serif}
a{color:inherit;text-decoration:none}
a:hover{color:var(--accent);text-decoration:underline}
a:focus-visible,summary:focus-visible{outline:2px solid var(--accent);outline-offset:2px;border-radius:3px}
header{display:flex;gap:12px;align-items:baseline;flex-wrap:wrap;padding:14px 24px;background:var(--card);
border-bottom:1px solid var(--line)}
header strong{font-size:16px}
header .who{margin-left:auto;color:var(--soft)}
.columns{display:grid;grid-template-columns:280px minmax(0,1fr);align-items:start}
nav{padding:20px 12px 32px 24px;overflow-wrap:anywhere;position:sticky;top:0;max-height:100vh;overflow-y:auto}
nav h2{margin-top:0}
nav h2~h2{margin-top:24px}
main{padding:20px 24px 48px 12px;display:grid;gap:16px;grid-template-columns:minmax(0,1fr)}
h1{margin:0;font-size:22px;line-height:1.25;overflow-wrap:anywhere}
h2{margin:0 0 8px;font-size:12px;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);font-weight:600}
section{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px}
ul{list-style:none;margin:0;padding:0}
nav ul ul{padding-left:14px;border-left:1px solid var(--line);margin-left:5px}
nav li,summary{padding:2px 0}
summary{cursor:pointer}
summary .chip,nav li>.chip{margin-left:6px}
.here>a,a.here{color:var(--accent);font-weight:600}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th{text-align:left;font-weight:600;color:var(--soft);font-size:12px;white-space:nowrap}
th,td{padding:6px 14px 6px 0;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child td{border-bottom:0}
td.nowrap{white-space:nowrap}
td.number,th.number{text-align:right}
code,td.code{font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace;overflow-wrap:anywhere}
td.null{color:var(--soft);font-style:italic}
pre{margin:0;padding:10px 12px;background:var(--code);border-radius:6px;overflow-x:auto;white-space:pre-wrap;
font:12.5px/1.5 ui-monospace,SFMono-Regular,Menlo,"DejaVu Sans Mono",monospace}
.chip{display:inline-block;padding:0 7px;border-radius:999px;background:var(--code);color:var(--soft);font-size:11.5px;
line-height:18px;white-space:nowrap}
.chip.good{color:var(--good)}.chip.warn{color:var(--warn)}.chip.bad{color:var(--bad)}
.chip.strong{background:var(--mark);color:var(--accent)}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:4px 18px;margin:12px 0 0}
.facts dt{color:var(--soft)}.facts dd{margin:0;overflow-wrap:anywhere}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(104px,1fr));gap:10px}
.cards div{padding:10px 12px;background:var(--code);border-radius:8px}
.cards b{display:block;font-size:20px;line-height:1.3}
.empty,.soft{color:var(--soft);margin:0}
.login{max-width:420px;margin:12vh auto;display:grid;gap:12px}
.login input{width:100%;padding:8px 10px;border:1px solid var(--line);border-radius:6px;background:var(--bg);
color:inherit;font:inherit}
.login button{padding:8px 14px;border:0;border-radius:6px;background:var(--accent);color:var(--card);font:inherit;
font-weight:600;cursor:pointer}
@media (max-width:800px){.columns{grid-template-columns:minmax(0,1fr)}nav{position:static;max-height:none;
padding-top:0;order:2}main{padding-left:24px}}
"""

_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
