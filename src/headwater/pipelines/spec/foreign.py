"""Fields of Pachyderm's specs that mean something else here, or nothing: each with what to say of it.

A field with no effect by nature (how Kubernetes places a pod, how a cache is
sized) is noted. One that was meant to change the result or what the user sees,
and cannot here, is refused: loading it in silence would be a lie.
"""

_KUBERNETES = "is about Kubernetes, which has no part in this; it has no effect."
_STARTED = "has no effect: workers are started as there is work."

NOTED: dict[str, str] = {
    "autoscaling": _STARTED,
    "standby": _STARTED,
    "scale_down_threshold": _STARTED,
    "maximum_expected_uptime": _STARTED,
    "cache_size": "has no effect: workers keep what they have read by themselves.",
    "max_queue_size": "has no effect: `datum_set_spec` says how much a worker takes at once.",
    "enable_stats": "has no effect: statistics and logs of every datum are always kept.",
    "hashtree_spec": "has no effect: trees have no shards to count.",
    "salt": "has no effect: `headwater pipeline update --reprocess` gives a new one.",
    "spec_commit": "has no effect: each pipeline's versions are kept by themselves.",
    "update": "has no effect in a file: `headwater pipeline update` updates.",
    "reprocess": "has no effect in a file: `headwater pipeline update --reprocess` does that.",
    "scheduling_spec": _KUBERNETES,
    "pod_spec": _KUBERNETES,
    "pod_patch": _KUBERNETES,
    "tolerations": _KUBERNETES,
    "sidecar_resource_limits": _KUBERNETES,
    "sidecar_resource_requests": _KUBERNETES,
}

# Refused unless they are empty or false.
REFUSED: dict[str, str] = {
    "s3_out": "an output is no bucket here: write files to /pfs/out, and give `egress` to copy them to one",
    "tf_job": "no TensorFlow jobs are started here: give a `transform.cmd` that trains",
    "determined": "Determined is not known here: give a `transform.cmd` that trains",
    "incremental": "/pfs/out begins empty here, and only what changed is processed anyway: leave it out",
    "batch": "the output is one commit per job anyway: leave it out",
    "dry_run": "`headwater pipeline plan -f FILE` shows what would run",
    "gc_policy": "leave it out: `headwater repo retain` says what is kept",
}

TRANSFORM_NOTED: dict[str, str] = {
    "debug": "has no effect: all that the code prints is kept, `headwater job logs` shows it.",
    "dockerfile": "has no effect: images are built elsewhere.",
    "memory_volume": "has no effect: inputs lie in the worker's scratch folder.",
    "image_pull_secrets": "has no effect: log in with the container tool itself.",
    "user": "has no effect: the code runs as the worker's user, in an image as the image's.",
}

TRANSFORM_REFUSED: dict[str, str] = {
    "datum_batching": "there is no `next datum` here: write a `function` with `batch`, which gets many datums per call",
    "build": "no images are built here: name the folder of the code with `code`",
}

PFS_REFUSED: dict[str, str] = {
    "s3": "inputs are folders, not buckets: leave it out, or start `headwater gateway` and read from there",
    "from_commit": "an input is read at its branch's head, or at a fixed `commit`: leave it out",
}
