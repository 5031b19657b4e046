"""Packages in OCI registries: found by tag or digest, and pushed there."""
