"""The house itself: what imports what, and that all of it is used."""
