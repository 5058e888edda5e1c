"""Makers of questions, one kind of text each; all take a Passage and yield Candidates."""
