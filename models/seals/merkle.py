"""Merkle trees over the events of a seal, as in RFC 6962, section 2.1.

A leaf and a node begin with different bytes, so that neither passes for the other. A
node without a neighbour is its own parent::

    >>> texts = ["", "00", "10", "2021", "3031"]
    >>> leaves = [leaf_hash(bytes.fromhex(text)) for text in texts]
    >>> root(leaves).hex()[:16]
    '4e3bbb1f7b478dcf'
    >>> path = audit_path(leaves, 2)
    >>> root_by_path(leaves[2], 2, 5, path) == root(leaves)
    True
    >>> root_by_path(leaves[3], 2, 5, path) == root(leaves)
    False
    >>> root_by_path(leaves[2], 1, 5, path) == root(leaves)
    False
"""

from collections.abc import Sequence
from hashlib import sha256

LEAF = b"\x00"
NODE = b"\x01"


def leaf_hash(text: bytes) -> bytes:
    return sha256(LEAF + text).digest()


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree, from the hashes of its leaves.

    >>> root([]).hex()[:16]
    'e3b0c44298fc1c14'
    >>> root([leaf_hash(b"")]).hex()[:16]
    '6e340b9cffb37a98'
    """
    if not leaves:
        return sha256(b"").digest()
    return levels(leaves)[-1][0]


def levels(leaves: Sequence[bytes]) -> list[Sequence[bytes]]:
    """Return the nodes of a tree, the leaves first, the root last."""
    nodes = [leaves]
    while len(nodes[-1]) > 1:
        nodes.append(_parents(nodes[-1]))
    return nodes


def path_in(nodes: list[Sequence[bytes]], index: int) -> list[bytes]:
    """Return the path of a leaf in the tree of these ``levels``, as ``audit_path``."""
    path = []
    for level in nodes[:-1]:
        if index ^ 1 < len(level):
            path.append(level[index ^ 1])
        index //= 2
    return path


def audit_path(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Return the neighbours of a leaf and of the nodes above it.

    >>> leaves = [leaf_hash(bytes([number])) for number in range(5)]
    >>> [len(audit_path(leaves, index)) for index in range(5)]
    [3, 3, 3, 3, 1]
    """
    return path_in(levels(leaves), index)


def root_by_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes:
    """Return the root that a leaf and its path come to.

    :param index: of the leaf, from 0
    :param size: the number of leaves
    :raise ValueError: a tree of that size has no such path
    """
    neighbours = list(path)
    node = leaf
    while size > 1:
        if index % 2 or index + 1 < size:
            if not neighbours:
                raise ValueError("The path is too short.")
            neighbour = neighbours.pop(0)
            pair = neighbour + node if index % 2 else node + neighbour
            node = sha256(NODE + pair).digest()
        index //= 2
        size = (size + 1) // 2
    if neighbours or index:
        raise ValueError("The path is too long.")
    return node


def _parents(level: Sequence[bytes]) -> list[bytes]:
    parents = [
        sha256(NODE + left + right).digest()
        for left, right in zip(level[::2], level[1::2], strict=False)
    ]
    if len(level) % 2:
        parents.append(level[-1])
    return parents
