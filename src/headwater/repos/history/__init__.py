"""Working with commits that are there: merging, squashing, purging, keeping for a time."""
