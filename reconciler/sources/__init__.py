"""FETCH: where packages come from. One file a kind, one protocol, one table."""
