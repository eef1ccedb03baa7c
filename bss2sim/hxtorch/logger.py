"""Loggers with the interface of pylogging, on those of Python."""

from __future__ import annotations

import logging
from enum import IntEnum
from typing import Any

from bss2sim.errors import ParameterError


class LogLevel(IntEnum):
    """How much a message matters; what is below the level of a logger is not written.

    Examples
    --------
    >>> from bss2sim.hxtorch import logger
    >>> logger.LogLevel.WARN > logger.LogLevel.INFO
    True
    """

    ALL = 1
    TRACE = 5
    DEBUG = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
    OFF = 60


class Logger:
    """Writes messages; anything that has a text is one.

    Parameters
    ----------
    name : str
        That of the logger of Python.

    Examples
    --------
    >>> from bss2sim.hxtorch import logger
    >>> log = logger.get("training")
    >>> log.DEBUG("epoch", 3)
    """

    def __init__(self, name: str) -> None:
        self.python_logger = logging.getLogger(name)

    def _log(self, level: LogLevel, message: tuple[Any, ...]) -> None:
        """Write the texts of some objects as one message."""
        if self.python_logger.isEnabledFor(level):
            self.python_logger.log(level, "%s", " ".join(map(str, message)), stacklevel=3)

    def TRACE(self, *message: Any) -> None:
        """Write a detail."""
        self._log(LogLevel.TRACE, message)

    def DEBUG(self, *message: Any) -> None:
        """Write what helps to find errors."""
        self._log(LogLevel.DEBUG, message)

    def INFO(self, *message: Any) -> None:
        """Write what happens."""
        self._log(LogLevel.INFO, message)

    def WARN(self, *message: Any) -> None:
        """Write what may be wrong."""
        self._log(LogLevel.WARN, message)

    def ERROR(self, *message: Any) -> None:
        """Write what is wrong."""
        self._log(LogLevel.ERROR, message)

    def FATAL(self, *message: Any) -> None:
        """Write what ends the program."""
        self._log(LogLevel.FATAL, message)


def get(name: str) -> Logger:
    """Return the logger of a name.

    Parameters
    ----------
    name : str

    Returns
    -------
    Logger

    Examples
    --------
    >>> from bss2sim.hxtorch import logger
    >>> logger.get("training").INFO("started")
    """
    return Logger(name)


def _level(level: Any) -> LogLevel:
    """Return a level; ParameterError if it is none."""
    try:
        return LogLevel(level)
    except ValueError as reason:
        names = ", ".join(f"LogLevel.{known.name}" for known in LogLevel)
        raise ParameterError(f"level must be one of {names}; got {level!r}") from reason


def default_config(level: Any = LogLevel.WARN) -> None:
    """Write messages from a level on to the console.

    Parameters
    ----------
    level : LogLevel
        Of all loggers that are not given one.

    Raises
    ------
    ParameterError
        If it is no level.

    Examples
    --------
    >>> from bss2sim.hxtorch import logger
    >>> logger.default_config(level=logger.LogLevel.WARN)
    """
    logging.basicConfig(format="%(levelname)-8s %(asctime)s %(name)s %(message)s")
    logging.getLogger().setLevel(_level(level))


def set_loglevel(logger: Logger, level: Any) -> None:
    """Set the level of a logger.

    Parameters
    ----------
    logger : Logger
    level : LogLevel

    Raises
    ------
    ParameterError
        If it is no logger or level.

    Examples
    --------
    >>> from bss2sim.hxtorch import logger
    >>> logger.set_loglevel(logger.get("training"), logger.LogLevel.INFO)
    """
    if not isinstance(logger, Logger):
        raise ParameterError(f"logger must be one of bss2sim.hxtorch.logger.get; got {logger!r}")
    logger.python_logger.setLevel(_level(level))
