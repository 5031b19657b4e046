"""Homes that earlier versions wrote, and what this version makes of them. ``README.md`` tells how each was made."""
