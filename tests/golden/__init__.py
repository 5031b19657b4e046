"""Golden transcripts: what a person sees of each verb. ``python -m tests.golden`` writes them again."""
