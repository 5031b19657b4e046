"""SERVE: load what is installed, answer for it over HTTP, and run it. Needs the extra ``llamagate[host]``."""
