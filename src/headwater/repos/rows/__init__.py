"""What the catalog keeps of repos: its tables, and the statements over them."""
