"""Exceptions. Each message is the sentence that the user reads.

Every message says what is wrong and, if possible, what to do about it. The
command prints the message and nothing else, and exits with ``exit_code``.
"""


class UnmixError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class UsageError(UnmixError):
    """A request that makes no sense: an option out of range, an unknown target."""

    exit_code = 2


class InputError(UnmixError):
    """A mixture that cannot be read or separated."""


class OutputError(UnmixError):
    """A stem that cannot be written, or that must not be overwritten."""


class BusyError(OutputError):
    """Another process is separating this recording right now."""


class DoneError(OutputError):
    """Another process completed the requested stems just before this one started."""


class SpoolError(UnmixError):
    """The disk has no room for the temporary files of a long track."""


class ModelError(UnmixError):
    """A model or its weights are unknown, unavailable or damaged."""

    exit_code = 3


class FetchError(ModelError):
    """The weights could not be downloaded from any of their addresses.

    Parameters
    ----------
    message : str
    reason : str
        The cause, in a few words.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
