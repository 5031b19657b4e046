"""What a pass need not look at: ``reconcile/settled.py``."""
