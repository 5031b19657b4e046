"""SPEAK: the command line. One file a verb: its flags, one call, one rendering."""
