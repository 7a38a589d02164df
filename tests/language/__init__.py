"""What docs/language.md says, sentence by sentence, each shown by a test that cites it."""
