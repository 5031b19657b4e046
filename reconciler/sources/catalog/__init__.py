"""Packages in a catalog: a folder whose index says what it has."""
