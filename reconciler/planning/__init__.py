"""DECIDE: from what is wanted and what is there to a plan. Pure; values in, a value out."""
