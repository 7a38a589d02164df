"""One conversation with a model, in neutral values."""
