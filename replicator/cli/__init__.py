"""The command line: each verb turns its words into calls of the rooms below, and their answers into text.

Importing this package costs nothing; a verb's module is imported when it is asked for.
"""

from replicator.cli.entry import main

__all__ = ["main"]
