"""TALK to a running gateway."""
