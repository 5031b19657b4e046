"""Packages in git repositories, by the system's git."""
