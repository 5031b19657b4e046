"""Tar archives, plain or in gzip, read by our own strict reader."""
