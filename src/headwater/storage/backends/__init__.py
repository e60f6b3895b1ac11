"""Object stores of other machines, and stores that wrap a store.

Imported only when the URL of a workspace's objects names one; a workspace in
a folder loads nothing of this. What every store promises stands in
`storage/protocol.py`, what the URLs may say in `docs/object-stores.md`.
"""
