"""Keeps secrets out of what is printed: log lines of the HTTP libraries, representations, locals in tracebacks."""

import logging
import re

_SECRET_IN_URL = re.compile(r"\b((?:access_token|secret|appsecret|js_code|session_key|signature|code)=)[^&\s\"'\\]+")


class Hidden(str):
    """A secret text that works wherever a text works, but does not show itself when it is represented."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "'***'"


class _HideSecrets(logging.Filter):
    """Rewrites a record whose text holds a secret query parameter; every record passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        text = record.getMessage()
        safe = _SECRET_IN_URL.sub(r"\1***", text)
        if safe != text:
            record.msg, record.args = safe, ()
        return True


_FILTER = _HideSecrets()


def hide_secrets_in_logs(*names: str) -> None:
    """Make the named loggers print `***` for secret query parameters. Calling it again changes nothing."""
    for name in names:
        logging.getLogger(name).addFilter(_FILTER)
