"""Errors and warnings of the package."""

__all__ = ["FileFormatError", "ModelOutputError"]


class ModelOutputError(ValueError):
    """A model raised, or returned something that cannot be explained.

    The message names the method that was called.
    """


class FileFormatError(ValueError):
    """A file is not a result written by this package, or was damaged."""
