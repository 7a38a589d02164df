"""What is shown of a run: each report folds the same events."""
