"""What changes in a file, for who reviews it. Pure: texts in, values out."""
