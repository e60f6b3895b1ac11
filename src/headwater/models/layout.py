"""Where each file of an artifact lies.

Every path comes from here, so that who writes an artifact and who reads it
cannot disagree. A target's folder has its number and what is left of its name
after everything but ASCII letters, digits, `-` and `_`: two targets never
share one, and no name can leave the folder.
"""

import re
import unicodedata

_SLUG_LENGTH = 40


class Layout:
    """The paths of one artifact."""

    MANIFEST = "manifest.json"
    SIGNATURE = "signature.json"
    REQUEST = "request.json"
    SCHEMA = "schema.json"
    SCORES = "scores.json"
    PROVENANCE = "provenance.json"
    PREDICTIONS = "predictions.parquet"
    REPORT = "report.html"
    PLOTS = "plots"
    TARGETS = "targets"

    TARGET_INFO = "target.json"
    TARGET_TEST = "test.parquet"
    TARGET_PLOTS = "plots"


def target_folder(number: int, target: str) -> str:
    """Returns the folder of a target, such as `targets/00-SepalLength`.

    Args:
        number: Its place among the targets, from 0.
        target: Its name.
    """
    plain = unicodedata.normalize("NFKD", target).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^A-Za-z0-9_]+", "-", plain).strip("-")[:_SLUG_LENGTH].rstrip("-")
    return f"{Layout.TARGETS}/{number:02d}-{slug or 'target'}"
