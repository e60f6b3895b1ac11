"""Brings files of this machine and of elsewhere into a commit, and files of a commit onto this machine.

    plan = plan_put(["./reviews"], "/2026")             # looks, and refuses all that is wrong at once
    with Uploads(folder).journal(key, plan) as journal, repo.changes("main") as changes:
        put_planned(changes, plan, journal)
    copy_out(storage, repo.at("main"), "/2026", Path("copy"))

Both ways go on where they were interrupted: a put remembers what is stored in
a journal, a get finds what it wrote under a name that nobody takes for the
whole. Nothing of a commit decides where on this machine something is written.
"""

from headwater.workspace.transfer.copying import copy_out
from headwater.workspace.transfer.intake import put_planned
from headwater.workspace.transfer.journal import Journal, Uploads
from headwater.workspace.transfer.plan import STDIN, Plan, plan_put

__all__ = ["STDIN", "Journal", "Plan", "Uploads", "copy_out", "plan_put", "put_planned"]
