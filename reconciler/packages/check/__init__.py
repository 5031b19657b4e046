"""CHECK: what is likely a mistake in a package that could be installed, with places and fixes. Pure."""
