"""What can go wrong, as exceptions whose message is the sentence a user reads.

Every message says what is wrong and, where there is a remedy, what to do. The
command layer prints it and exits with ``exit_code``; nothing else is shown.
"""


class UnmixError(Exception):
    """Base of all errors that this package raises on purpose."""

    exit_code = 1


class UsageError(UnmixError):
    """The request makes no sense: an option out of range, an unknown target."""

    exit_code = 2


class InputError(UnmixError):
    """A mixture that cannot be read or separated."""


class OutputError(UnmixError):
    """A stem that cannot be written, or that must not be overwritten."""


class BusyError(OutputError):
    """Another process is separating this recording at this moment."""


class DoneError(OutputError):
    """The stems appeared, complete and as they were asked for, while we were about to start."""


class SpoolError(UnmixError):
    """The temporary files of a long track have no room."""


class ModelError(UnmixError):
    """A model or its weights are unknown, unavailable or not what they claim to be."""

    exit_code = 3


class FetchError(ModelError):
    """No address gave the weights.

    Parameters
    ----------
    message : str
    reason : str
        Why, in a few words.
    """

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason
