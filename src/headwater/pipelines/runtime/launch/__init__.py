"""Starting programs of users, and ending all that they started: namespaces, limits, the process that does it."""
