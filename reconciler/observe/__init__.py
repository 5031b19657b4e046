"""LOOK. Read-only; registry and record come in as values."""
