"""FETCH: where packages come from. A door for each kind, and one protocol for those that the lock pins."""
