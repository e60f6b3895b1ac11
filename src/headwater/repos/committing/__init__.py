"""Making commits: what goes into one, commits that stay open, several repos at once."""
