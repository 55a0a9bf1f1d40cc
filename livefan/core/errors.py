"""The one exception a user can meet: a single line that names what is wrong and the mend."""


class LivefanError(Exception):
    """Something the user can put right: a file, a device, a setting.

    The message is one line that names the file or device and what to do about it. Commands print
    it without a traceback and exit with code 2; the window shows it in its status line.
    """


class StoppedError(LivefanError):
    """The work ended early, but what was done is kept, and the same command goes on with it."""
