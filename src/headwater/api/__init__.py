"""The shapes that cross a door, the same in Python, on the command line and over REST.

`documents` holds what programs read. The protocols that the embedded
workspace and the HTTP client both keep stand beside it.
"""
