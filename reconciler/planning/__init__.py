"""DECIDE: from what should be and what is there to a plan. Pure; values in, a value out."""
