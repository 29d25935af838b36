"""The ways in which an old .config is carried to a tree, each a make target of the tree's own.

Data only.
"""

from __future__ import annotations

POLICIES = {
    "olddefconfig": "olddefconfig",
}
