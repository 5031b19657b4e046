"""What the program costs, as ratios. ``docs/benchmarks.md`` says what is measured and how to read it."""
