"""What the program costs, as ratios: ``python -m tests.benchmark.bench``. ``docs/benchmarks.md`` says how to read it."""
