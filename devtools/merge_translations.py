"""Give the catalogues of a folder the terms of its template: merge FOLDER."""

import sys
from pathlib import Path

import polib

from .console import say


def merge(folder: Path) -> int:
    """Keep what is translated, drop what is gone; return how many terms are open."""
    [template] = folder.glob("*.pot")
    still_open = 0
    for path in sorted(folder.glob("*.po")):
        old = polib.pofile(path)
        known = {entry.msgid: entry.msgstr for entry in old}
        new = polib.pofile(template)
        new.metadata["Language"] = path.stem
        for entry in new:
            entry.msgstr = known.get(entry.msgid, "")
            if not entry.msgstr:
                still_open += 1
                say(f"{path.name} has no translation of {entry.msgid!r}")
        new.save(path)
    return still_open


if __name__ == "__main__":
    sys.exit(1 if merge(Path(sys.argv[1])) else 0)
