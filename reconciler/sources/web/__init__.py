"""Packages on web servers: one download, judged."""
