"""WHICH PACKAGE an item is, and the one store that opens, fetches, verifies and keeps packages."""
