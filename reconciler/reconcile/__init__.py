"""THE STORY of one pass: look, plan, apply. The other rooms do not know each other; this one hands values across."""
