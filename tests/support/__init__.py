"""What tests lean on: a scripted endpoint."""
