"""Keep secrets out of whatever people and files get to see."""

import os
import re

_NAMED = re.compile(r"(^|_)(API_?KEY|KEY|TOKEN|SECRET|PASSWORD)$", re.IGNORECASE)
_SHAPED = re.compile(r"\bsk-[\w-]{16,}|(?<=Bearer )\S{8,}|(?<=://)[^/\s@:]+:[^/\s@]+(?=@)")


def redacted(text: str) -> str:
    """Replace secrets: the values of environment variables named as such, keys, tokens, logins in addresses.

    >>> redacted("bad key sk-abcdefghij0123456789 at http://me:secret@localhost")
    'bad key [redacted] at http://[redacted]@localhost'
    """
    for name, value in os.environ.items():
        if len(value) >= 8 and _NAMED.search(name):
            text = text.replace(value, "[redacted]")
    return _SHAPED.sub("[redacted]", text)
