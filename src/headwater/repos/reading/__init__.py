"""Reading what a commit holds: files, folders, globs, data frames, differences of texts."""
