"""Faulty pipeline files; beside each stands what `flowrun check` says of it."""
