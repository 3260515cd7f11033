"""Logs: structured, one line an event, with anything that looks like a credential blanked out.

Redaction is the second wall; the first is that nobody hands a key or a prompt to a logger.
"""

import logging
import re
import sys
from typing import Any, Final, Literal

import structlog
from structlog.typing import EventDict, WrappedLogger

_CREDENTIAL: Final = re.compile(
    r"(aig_[0-9a-f]{4})[0-9a-f]+|(th[irstw]_)[0-9a-f]+|(sk-)[\w-]{8,}|([rs]k_(?:live|test)_)[\w*]+|(whsec_)[\w+/=]+"
    r"|([Bb]earer )[\w.~+/=-]+"
)

LogFormat = Literal["console", "json"]


def redact(text: str) -> str:
    """Replace the secret part of keys, tokens and bearer values by `***`."""
    return _CREDENTIAL.sub(lambda hit: next(g for g in hit.groups() if g) + "***", text)


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    return {name: redact(value) if isinstance(value, str) else value for name, value in event.items()}


class _RedactingFilter(logging.Filter):
    """The same wall for libraries that log through the standard module."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = redact(record.getMessage()), ()
        return True


def configure(log_format: LogFormat, level: str) -> None:
    """Set up structlog and the standard logging module; call once, at start.

    Tracebacks are plain: the pretty ones print local variables, and those hold keys and prompts.
    """
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    handler.addFilter(_RedactingFilter())
    logging.basicConfig(
        handlers=[handler],
        level=max(logging.WARNING, logging.getLevelNamesMapping()[level.upper()]),
        force=True,
    )


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger for one module; bind ids, never keys or prompts."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(name)
    return logger
