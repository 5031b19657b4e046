"""The page in the browser: ``look`` finds what is new, ``documents`` says it as JSON, ``static/`` is what is shown.

The files below ``static/`` are plain modules without a build step. ``web/pages`` answers for all of it.
"""
