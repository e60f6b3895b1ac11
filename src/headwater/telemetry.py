"""What the program tells about itself while it runs: log lines and progress.

A log line is one JSON object on stderr. Progress is a protocol, because a
terminal draws a bar, a pipe gets plain lines and a notebook a widget: the
faces decide. structlog is imported only when the first logger is asked for,
so that commands which log nothing do not pay for it.
"""

import sys
from typing import Any, Literal, Protocol


class Progress(Protocol):
    """Hears how far a piece of long work has come."""

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        """A piece of work begins; `total` in steps and `size_bytes` where they are known."""
        ...

    def expect(self, total: int) -> None:
        """How many steps there are is known by now, or otherwise than before."""
        ...

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        """So many more steps are done, and bytes where the work is measured in them."""
        ...

    def finish(self, note: str = "") -> None:
        """The piece of work is done."""
        ...


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total: int | None = None, *, size_bytes: int | None = None) -> None:
        """Hears nothing."""

    def expect(self, total: int) -> None:
        """Hears nothing."""

    def advance(self, steps: int = 1, note: str = "", *, size_bytes: int = 0) -> None:
        """Hears nothing."""

    def finish(self, note: str = "") -> None:
        """Hears nothing."""


def log_from(level: Literal["info", "warning"]) -> None:
    """Logs what is at least this grave; call it before the first logger is asked for.

    A program that serves or works says what it does; one that was asked a
    question only answers it.
    """
    _settings["level"] = level


def logger(name: str) -> Any:  # structlog's bound loggers have no useful static type
    """Returns a structured logger whose lines carry `logger=name`."""
    import structlog

    if not structlog.is_configured():
        _configure()
    return structlog.get_logger().bind(
        logger=name
    )  # a keyword here would clash with structlog's own `logger`


_settings = {"level": "warning"}


def _configure() -> None:
    import structlog

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_settings["level"]),
        logger_factory=lambda *_: structlog.WriteLogger(sys.stderr),
        cache_logger_on_first_use=True,
    )
