"""The guard before the page: it asks for the password, knows the visitors by their cookie, and adds the headers."""

import asyncio
import base64
import binascii
import hmac
import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "nst"
YEAR = 365 * 24 * 3600
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; media-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
}
"""Of every answer: a browser loads nothing from another host, and keeps no picture of a visitor."""
WRONG = 1.0
"""Seconds that a wrong password costs; they are served one after the other."""


class Guard:
    """Asks for the password, knows the visitors, and adds the headers. Pure ASGI: it must not hold back events.

    Args:
        app: What is guarded.
        password: None: none is asked for.
    """

    def __init__(self, app: ASGIApp, password: str | None) -> None:
        self.app = app
        self.password = password
        self.wrong = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        if self.password is not None and not _knows(request, self.password):
            if "authorization" in request.headers:
                async with self.wrong:
                    await asyncio.sleep(WRONG)
            asks = {**HEADERS, "WWW-Authenticate": 'Basic realm="nst", charset="UTF-8"'}
            await Response("a password is needed", 401, asks)(scope, receive, send)
            return
        if request.method not in ("GET", "HEAD") and request.headers.get("x-nst") != "page":  # another site's form
            await Response("this is for the page alone", 403, HEADERS)(scope, receive, send)
            return
        token = request.cookies.get(COOKIE, "")
        new = not 40 <= len(token) <= 60
        scope["visitor"] = secrets.token_urlsafe(32) if new else token

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = [(key.lower().encode(), value.encode()) for key, value in HEADERS.items()]
                if new:
                    cookie = f"{COOKIE}={scope['visitor']}; Max-Age={YEAR}; Path=/; HttpOnly; SameSite=Strict"
                    given.append((b"set-cookie", cookie.encode()))
                message["headers"] = [*message["headers"], *given]
            await send(message)

        await self.app(scope, receive, with_headers)


def _knows(request: Request, password: str) -> bool:
    """Tell whether a request brings the password, by HTTP's basic authentication; the name does not matter."""
    scheme, _, sent = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        got = base64.b64decode(sent, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(got.encode(), password.encode())
