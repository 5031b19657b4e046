"""The package format: detect, validate, open an archive safely, realise for a configuration, pack."""
