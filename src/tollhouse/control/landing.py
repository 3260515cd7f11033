"""The page at `/` where the dashboard was not built: says that Tollhouse runs and where its API is."""

from typing import Final

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter(include_in_schema=False)

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tollhouse</title>
<style>
:root { color-scheme: light dark; --ink: #1c2024; --soft: #60646c; --line: #e0e1e6; --paper: #fcfcfd; --code: #f0f0f3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #edeef0; --soft: #b0b4ba; --line: #363a3f; --paper: #111113; --code: #212225 }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.6 system-ui, sans-serif }
main { max-width: 40rem; margin: 0 auto; padding: 12vh 1.5rem 3rem }
h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; margin: 0 0 .5rem }
p { margin: 0 0 2rem; color: var(--soft) }
dl { margin: 0; border-top: 1px solid var(--line) }
dl div { display: flex; gap: 1.5rem; padding: .75rem 0; border-bottom: 1px solid var(--line) }
dt { flex: 0 0 9rem; color: var(--soft) }
dd { flex: 1; margin: 0; min-width: 0; overflow-wrap: anywhere }
code { background: var(--code); border-radius: 4px; padding: .1rem .35rem; font: .875em/1.5 ui-monospace, monospace }
a { color: inherit; text-underline-offset: .2em }
a:focus-visible { outline: 2px solid; outline-offset: 2px; border-radius: 2px }
</style>
</head>
<body>
<main>
<h1>Tollhouse is running</h1>
<p>An AI gateway whose budgets hold. The pages of its dashboard were not built here: <code>make run</code> builds
them. Everything is here over the API.</p>
<dl>
<div><dt>OpenAI base URL</dt><dd><code>/v1/ai</code> with a virtual key (<code>aig_...</code>)</dd></div>
<div><dt>Sign in</dt><dd><code>POST /v1/login</code></dd></div>
<div><dt>Keys</dt><dd><code>GET /v1/ai/keys/customer</code></dd></div>
<div><dt>Models and prices</dt><dd><code>GET /v1/ai/models</code></dd></div>
<div><dt>Traces</dt><dd><code>GET /v1/traces</code></dd></div>
<div><dt>API description</dt><dd><a href="/v1/openapi.json">OpenAPI</a></dd></div>
<div><dt>Health</dt><dd><a href="/v1/health">/v1/health</a></dd></div>
</dl>
</main>
</body>
</html>
"""
_HEADERS: Final = {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


@router.get("/")
async def landing() -> HTMLResponse:
    return HTMLResponse(_PAGE, headers=_HEADERS)
