"""REMEMBER: the documents on disk, as values and as bytes. What belongs to a change is written by ``apply``."""
