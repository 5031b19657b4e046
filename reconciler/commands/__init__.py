"""One file a verb that changes something."""
