"""ANSWER: the host's HTTP interface."""
