"""Keeps passwords out of everything that is shown or stored."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlsplit

SECRET_KEYS = ("access_key", "secret_key", "session_token", "password", "passwd", "sslpassword")


def masked(text: str) -> str:
    """Put ``***`` in place of every password in the URLs of a text."""
    text = re.sub(r"(://[^\s/:@?#]*):\S*@", r"\1:***@", text)
    return re.sub(rf"\b({'|'.join(SECRET_KEYS)})=[^&\s'\"]+", r"\1=***", text)


def holds_secret(url: str) -> bool:
    """Tell whether a URL has a password, or a key that gives access."""
    if re.search(r"://[^\s/:@?#]*:\S*@", url):
        return True
    return any(key in SECRET_KEYS for key, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))
