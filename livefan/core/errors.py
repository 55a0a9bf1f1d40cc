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


def message_of(error: LivefanError | OSError) -> str:
    """Return one line that names the place of an error and what to do, also of an error of the system.

    Examples:
        >>> message_of(PermissionError(13, "Permission denied", "/srv/a.png"))
        '/srv/a.png: Permission denied; check the place, its permissions and free space'
    """
    if isinstance(error, LivefanError):
        return str(error)
    place = error.filename2 or error.filename or "input or output"  # a copy that fails names its source first
    return f"{place}: {error.strerror or error}; check the place, its permissions and free space"


class StoppedError(LivefanError):
    """The work ended early. Its results are kept, and the same command continues it."""
