"""Check that an event was sealed: python3 check_proof.py PROOF.json PUBLIC_KEY

PROOF.json is the output of `odoo-bin cqrs prove EVENT`, PUBLIC_KEY the hexadecimal key
that the operator gave you beforehand: the key inside a proof says nothing by itself.
Needs no Odoo and no database, only Python and the library `cryptography`.
"""

# pylint: disable=print-used  # it answers on its standard output

import json
import sys
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

COLUMNS = (
    "position epoch txid event_id stream_model stream_id version type "
    "schema_version before after details commitment company_id user_id acting_user_id "
    "origin correlation_id occurred_at module_version hash_format hash"
)


def root(proof: dict, size: int) -> str:
    """Return the Merkle root (RFC 6962) that the event and its path come to."""
    node = sha256(b"\x00" + proof["event"].encode()).digest()
    index, path = proof["index"], [bytes.fromhex(each) for each in proof["path"]]
    while size > 1:
        if index % 2:
            node = sha256(b"\x01" + path.pop(0) + node).digest()
        elif index + 1 < size:
            node = sha256(b"\x01" + node + path.pop(0)).digest()
        index, size = index // 2, (size + 1) // 2
    return "no root" if path or index else node.hex()


def check(proof: dict, key: str) -> str | None:
    """Return why the proof does not hold, None if it does."""
    seal = json.loads(proof["seal"])
    if not proof["signature"]:
        return "The seal is not signed."
    if key != seal["key"]:
        return f"The seal is signed with another key, {seal['key']}."
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)).verify(
            bytes.fromhex(proof["signature"]), proof["seal"].encode()
        )
    except InvalidSignature:
        return "The signature of the seal is wrong."
    if root(proof, seal["events"]) != seal["root"]:
        return "The event is not the one that was sealed."
    return None


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        shown = json.load(file)
    try:
        fault = check(shown, sys.argv[2])
    except (IndexError, KeyError, TypeError, ValueError) as error:
        fault = f"This is no proof: {error!r}"
    if fault:
        sys.exit(fault)
    for column, value in zip(COLUMNS.split(), json.loads(shown["event"]), strict=True):
        print(f"{column}: {json.dumps(value, ensure_ascii=False)}")
    made = json.loads(shown["seal"])
    print(f"is under seal {made['number']} of {made['made_at']}, {made['database']}.")
