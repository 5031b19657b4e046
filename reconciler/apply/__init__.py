"""CHANGE: the only room that writes below ``installed/``.

Documents reach it as text or as registry edits, so that recovery needs the journal and nothing else.
"""
