"""What a pipeline file says: pure functions from text to a Plan."""
