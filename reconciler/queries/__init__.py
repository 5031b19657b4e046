"""One file a verb that only reads."""
