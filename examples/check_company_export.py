"""Check a company's export: python3 check_company_export.py FILE [PUBLIC_KEY]

FILE is what `odoo-bin cqrs export --company ID` wrote, or a company's administrator has
downloaded (.gz). Needs no Odoo and no database. With the hexadecimal key that the
operator gave you beforehand, the signatures are checked too, by `cryptography`.
"""

# pylint: disable=print-used  # it answers on its standard output

import gzip
import json
import sys
from decimal import Decimal
from hashlib import sha256

COVERED = [
    *("hash_format", "event_id", "stream_model", "stream_id", "version", "type"),
    *("schema_version", "before", "after", "details", "company_id", "user_id"),
    *("acting_user_id", "origin", "correlation_id", "module_version"),
    *("commitment", "occurred_at"),
]


def expect(condition, what: str):
    if not condition:
        raise ValueError(what)


def check_event(line: dict, previous: bytes):
    """Check the hash of an event, its personal values, and what is told of it."""
    texts = [line["covered"], line["personal"] or "{}"]
    expect(sha256(previous + texts[0].encode()).hexdigest() == line["hash"], "altered")
    values, personal = (json.loads(text, parse_float=Decimal) for text in texts)
    names = COVERED if values[0] > 1 else [n for n in COVERED if n != "commitment"]
    said, event = dict(zip(names, values, strict=True)), line["event"]
    if personal:
        digest = sha256(texts[1].encode()).hexdigest()
        expect(digest == said["commitment"], "other personal values")
    for side in ("before", "after"):
        whole, told = said[side], event["data"][side]
        if whole is not None:
            whole = {**whole, **(personal.get(side) or {})}
        expect(whole == told, f"told otherwise: {side}")
    stream = f"{said['stream_model']}/{said['stream_id']}"
    expect(stream == line["stream"] == event["subject"], "another record")
    expect(said["version"] == line["version"], "another version")
    expect(f"crm_cqrs.{said['type']}" == event["type"], "another type")


def check_leaf(line: dict, seal: dict):
    """Check that an event is under a seal (Merkle tree of RFC 6962)."""
    expect(json.loads(line["leaf"])[-1] == line["hash"], "leaf of another event")
    node, path = sha256(b"\0" + line["leaf"].encode()).digest(), line["path"]
    index, size = line["index"], seal["events"]
    for each in map(bytes.fromhex, path):
        while not index % 2 and index + 1 == size:  # without a neighbour
            index, size = index // 2, (size + 1) // 2
        node = sha256(b"\1" + (each + node if index % 2 else node + each)).digest()
        index, size = index // 2, (size + 1) // 2
    expect(index == 0 and node.hex() == seal["root"], "not as sealed")


def check(lines, key: str | None = None) -> dict:
    """Return the numbers of events, hashes and sealed events, if all is as recorded."""
    last, counts, seal, end = {}, {"events": 0, "hashes": 0, "sealed": 0}, None, None
    for number, line in enumerate(lines, 1):
        expect(end is None, "there is more after the end")
        end = line if "hashes" in line else None
        if "seal" in line and key:
            from cryptography.hazmat.primitives.asymmetric import ed25519

            public_key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
            public_key.verify(bytes.fromhex(line["signature"]), line["seal"].encode())
        seal = json.loads(line["seal"]) if "seal" in line else seal
        if "stream" in line:
            version, previous = last.get(line["stream"], (0, b""))
            expect(line["version"] == version + 1, f"line {number}: one is missing")
            if "covered" in line:
                check_event(line, previous)
            if "index" in line:
                check_leaf(line, seal)
                counts["sealed"] += 1
            counts["events" if "event" in line else "hashes"] += 1
            last[line["stream"]] = line["version"], bytes.fromhex(line["hash"])
    expect(
        end == {name: counts[name] for name in ("events", "hashes")}, "lines missing"
    )
    return counts


if __name__ == "__main__":
    opened = gzip.open if sys.argv[1].endswith(".gz") else open
    with opened(sys.argv[1], "rt", encoding="utf-8") as file:
        read = (json.loads(each, parse_float=Decimal) for each in file)
        print(
            "{events} events, {sealed} sealed; {hashes} hashes of others".format_map(
                check(read, *sys.argv[2:3])
            )
        )
