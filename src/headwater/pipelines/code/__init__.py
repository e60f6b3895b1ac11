"""The code of a pipeline, stored with it: an input like any other.

    bundle = capture_function(clean)             # or capture_folder("scripts")
    tree = write(writer, bundle)
    now = environment(transform, bundle.imports)
    fingerprint(tree.root_hash, transform, now)  # what results depend on

A bundle is files and the names of what they import from elsewhere; nothing of
the user's is run to make one. Knows no specs, pipelines or jobs.
"""

from headwater.pipelines.code.bundle import CodeBundle, CodeFile, write
from headwater.pipelines.code.capture import capture_function, capture_module
from headwater.pipelines.code.environment import IMAGE, environment, environment_now, image_digest
from headwater.pipelines.code.errors import CodeTooLarge, CodeUncaptured, PackageMissing
from headwater.pipelines.code.fingerprint import TransformCode, fingerprint
from headwater.pipelines.code.folder import capture_folder

__all__ = [
    "IMAGE",
    "CodeBundle",
    "CodeFile",
    "CodeTooLarge",
    "CodeUncaptured",
    "PackageMissing",
    "TransformCode",
    "capture_folder",
    "capture_function",
    "capture_module",
    "environment",
    "environment_now",
    "fingerprint",
    "image_digest",
    "write",
]
