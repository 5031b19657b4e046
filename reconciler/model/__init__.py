"""WHAT: the values that the rest of the program computes with. Frozen, pure, no input or output."""
