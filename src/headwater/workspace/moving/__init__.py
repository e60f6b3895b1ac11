"""Moves a workspace to another catalog and object store, whole and verified, or not at all.

    move_workspace("./work", "postgresql://ann@db.example/team", objects="s3://team/headwater")

What is moved takes no changes meanwhile, and stays as it is until everything
has arrived. Each step remembers how far it has come in the new catalog, in
the transaction that brings the rows; so whoever is killed goes on there.
"""

from headwater.workspace.moving.move import move_workspace

__all__ = ["move_workspace"]
