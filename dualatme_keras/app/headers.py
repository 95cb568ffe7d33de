"""What the server tells every browser, load nothing from elsewhere; and what of Gradio it does not serve."""

_HEADERS = {
    # Gradio's page has scripts and styles of its own in it, and compiles templates.
    "content-security-policy": (
        "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
        "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; media-src 'self' data: blob:; "
        "font-src 'self' data:; worker-src 'self' blob:; connect-src 'self' data: blob:; "
        "frame-ancestors 'none'; form-action 'self'; base-uri 'self'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


_CLOSED = ("/process_recording", "/proxy=", "/run-history", "/undo-vibe", "/vibe-")
"""Parts of addresses at which Gradio keeps files elsewhere, or asks others; the page needs none of them."""


class OwnMachineOnly:
    """Adds the headers to every answer of an ASGI application, and closes some of its addresses."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and any(part in scope["path"] for part in _CLOSED):
            await send({"type": "http.response.start", "status": 404, "headers": []})
            await send({"type": "http.response.body", "body": b""})
            return

        async def send_with_headers(message):
            if message["type"] == "http.response.start":
                added = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = message | {"headers": [*message.get("headers", ()), *added]}
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)
