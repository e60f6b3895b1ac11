"""Egress: what a pipeline has made is copied out, as far as it differs from what was copied last.

    Egress(catalog, repos, storage, clock).send(pipeline_id, spec, commit, look=hold.look)
    check(spec)     # when a pipeline is created: raises InvalidSpec

The engine calls `send` when the output commit is finished and before the job
is `succeeded`. It does nothing where the spec has no egress, and little where
the commit was sent before. It may be killed anywhere and called again, by
whoever has the job then: the end state is the same. It raises `Unavailable`
for what may pass (call again after a pause), and `EgressFailed` for what will
not, which fails the job; the commit stays, and the next job's egress brings
what this one could not. `look` is called between files, and may raise to stop.

A destination is a folder, a bucket or a database; all three promise what
`values.Destination` says. This file is all that other parts use; `Folder`
with what it takes is also how a service's inputs are laid out.
"""

from headwater.pipelines.egress.folder import Folder
from headwater.pipelines.egress.send import Egress, check
from headwater.pipelines.egress.values import Change, Files, Sent, differing

__all__ = ["Change", "Egress", "Files", "Folder", "Sent", "check", "differing"]
