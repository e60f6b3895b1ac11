"""Programs that do the work of a benchmark with something else; each runs alone and prints its seconds."""
