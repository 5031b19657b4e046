"""Archives, read by our own strict reader, and packed."""
