"""The page in a real browser: Chromium, without a window. ``nox -s setup-browser`` installs what these tests need."""
