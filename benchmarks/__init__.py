"""How fast flowrun is, side by side with a bare client in the same run."""
