"""Care of what is stored: packing, sweeping, checking, repairing; and what they report.

`Storage` has a method for each; this folder is where they are done. Nothing
here knows what a commit is: what must be kept is what a `RootSource` names.
"""

from headwater.storage.care.roots import NamedRoot, NamesRoots, RootSource
from headwater.storage.care.values import Finding, Packed, Sizes, Swept

__all__ = ["Finding", "NamedRoot", "NamesRoots", "Packed", "RootSource", "Sizes", "Swept"]
