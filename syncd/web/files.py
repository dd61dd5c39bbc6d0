"""The page's own style sheet, script and sign: small, kept in memory, named by their content."""

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

_TYPES = {"style.css": "text/css", "page.js": "text/javascript", "sign.svg": "image/svg+xml"}
_FOLDER = Path(__file__).parent / "static"
_FILES = {name: (_FOLDER / name).read_bytes() for name in _TYPES}
FILES = {name: f"/static/{name}?v={sha256(content).hexdigest()[:12]}" for name, content in _FILES.items()}
"""Where each is, by name: another content is another address."""


async def file(request: Request) -> Response:
    """Give one of them."""
    name = request.path_params["name"]
    if name not in _FILES:
        return PlainTextResponse("There is no such file.", 404)
    return Response(
        _FILES[name],
        media_type=_TYPES[name],
        headers={"cache-control": "public, max-age=31536000, immutable"},
    )
