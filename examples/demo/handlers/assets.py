"""Style sheets, scripts and the icon: a fixed list, read once, cached by the browser."""

from __future__ import annotations

import hashlib
from pathlib import Path

from whirlwind import web

ASSETS = Path(__file__).resolve().parent.parent / "assets"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Only what was in the folder at the start can be asked for: no path of a request reaches the disk.
CONTENT = {path.name: path.read_bytes() for path in ASSETS.iterdir() if path.suffix in TYPES}
VERSIONS = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in CONTENT.items()}


def asset_url(name: str) -> str:
    """Return the address of an asset, with the version that lets a browser keep it for good."""
    return f"/assets/{name}?v={VERSIONS[name]}"


class AssetHandler(web.RequestHandler):
    """One file of the fixed list."""

    def get(self, name: str) -> None:
        if name not in CONTENT:
            raise web.HTTPError(404)
        self.set_header("Content-Type", TYPES[Path(name).suffix])
        self.set_header("X-Content-Type-Options", "nosniff")
        if self.get_query_argument("v", "") == VERSIONS[name]:
            self.set_header("Cache-Control", "public, max-age=31536000, immutable")
        else:
            self.set_header("Cache-Control", "no-cache")
        self.write(CONTENT[name])

    head = get
