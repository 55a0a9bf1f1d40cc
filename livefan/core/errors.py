"""Errors that a user can mend."""


class LivefanError(Exception):
    """An error that a user can mend: in a file, a device or a setting.

    The message is one line that names the file, device or argument, and what to do. Commands print it
    without a traceback and exit with code 2. The window shows it in its status line.

    Examples:
        >>> import livefan
        >>> try:
        ...     livefan.Pipeline(smoothing=5)
        ... except livefan.LivefanError as error:
        ...     print(error)
        smoothing=5: pass a number from 0 to 1
    """


class StoppedError(LivefanError):
    """The work ended early. Its results are kept, and the same command continues it."""
