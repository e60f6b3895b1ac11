"""Calling users' functions, in processes of their own that stay up between datums."""
