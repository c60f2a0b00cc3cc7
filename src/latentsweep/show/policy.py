"""Which scripts a page lets run: its own, by their hashes, and no others."""

import base64
import hashlib
from collections.abc import Iterable


def allowed(scripts: Iterable[str]) -> str:
    """The sources of a page's `script-src`: the hash of the text of each script element."""
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
