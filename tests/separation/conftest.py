"""Fixtures for tests of whole runs."""

from batches import make_album, run_batch

__all__ = ["make_album", "run_batch"]
