"""The version of livefan; the build, the command line and every output read it here."""

__version__ = "0.2.0"
