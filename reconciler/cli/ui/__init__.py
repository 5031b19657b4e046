"""What every verb's output is made of: tables, plans, errors, progress, colour."""
