"""REMEMBER: the documents on disk, as values. Reading only; ``apply`` writes what ``store`` has rendered."""
