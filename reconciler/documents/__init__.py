"""Text into values and back: guarded YAML and JSON, positions, and schema faults that say where."""
