"""Guarded YAML: limits, positions, edits in place."""
