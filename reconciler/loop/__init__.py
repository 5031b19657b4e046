"""REPEAT: keep a home as a file says. Triggers, schedule, attempt, report."""
