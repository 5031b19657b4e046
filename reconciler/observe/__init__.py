"""LOOK at the home, what is kept of it, and old folders. Read-only; registry and record come in as values."""
