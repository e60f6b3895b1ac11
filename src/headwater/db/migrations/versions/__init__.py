"""One file per revision; its number is the revision."""
