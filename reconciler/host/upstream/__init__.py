"""The server behind the host: what is not the host's own is passed on to it, and its answers back, as they are."""
