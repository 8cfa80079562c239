r"""Terms by which a text is found: folded words, made by PostgreSQL alone.

One function of the database makes the terms of a name and those of a text that is
searched for::

    cqrs_terms('Łódź Straße İZMİR')   {lodz,strasse,izmir}
    cqrs_terms('東京商事')            {東京商,京商事,商事,事}
    cqrs_terms('東京商事', true)      {東京商,京商事}

A text is found where each of its terms begins a term of the name. In scripts without
spaces every character begins a term of up to three, so that parts of words are found; a
text that is searched for goes without the ends of such a run, which the terms before
them have.

The rules ask no locale, in which ``lower('I')`` may be ``ı``, and no version of
Unicode: they are made of version 3.2, which every Python has, and some later blocks.

>>> letters, parting = characters()
>>> [letters[letter] for letter in "ØẞΣςЯة٣"]
['o', 'ss', 'σ', 'σ', 'я', 'ه', '3']
>>> "–" in parting, "é" in letters, ranges("adbcx")
(True, False, 'a-dx')
"""

import json
from functools import cache
from unicodedata import normalize, ucd_3_2_0

from ..support.functions import Function

# Accents, points and vowel signs that are not always written, a hamza alone, the
# stretching of Arabic, characters without a shape. The vowel signs of Indic scripts and
# of Thai stay, and the voicing of kana.
_IGNORED = (
    "\u00ad\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7"
    "\u0610-\u061a\u061c\u0621\u0640\u064b-\u065f\u0670\u06d6-\u06dc\u06df-\u06e8"
    "\u06ea-\u06ed\u093c\u180e\u1ab0-\u1aff\u1dc0-\u1dff\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u20d0-\u20ff\ufe00-\ufe0f\ufe20-\ufe2f\ufeff"
)

# Thai and Lao, Tibetan, Burmese, Hangul, Khmer, Tai, Han, kana, Bopomofo, Yi
_SPACELESS = (
    "\u0e01-\u0eff\u0f40-\u0fbc\u1000-\u109f\u1100-\u11ff\u1780-\u17d3\u17d7\u17dc"
    "\u17dd\u1950-\u19df\u1a20-\u1aad\u3005-\u3007\u3021-\u3029\u3041-\u30fa"
    "\u30fc-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48f"
    "\ua960-\ua97f\uac00-\ud7a3\ud7b0-\ud7fb\uf900-\ufaff\U00020000-\U0003ffff"
)

# Parts of Hangul and kana, which are put together again
_PARTS = "\u1100-\u11ff\u3099\u309a"

# Letters that Unicode does not take apart, as those write them who do not have them,
# and letters that one script has in several forms
_WRITTEN = {
    "æ": "ae",
    "œ": "oe",
    "þ": "th",
    **dict(zip("ðđøłıħŧŋĸɓɗƙƒ", "ddolihtnqbdkf", strict=True)),
    **dict.fromkeys("ةہھە", "ه"),
    **dict.fromkeys("ىی", "ي"),
    "ک": "ك",
    "ٱ": "ا",
}

# Later than Unicode 3.2: capitals of Cyrillic, Georgian, ß and Adlam
_LATER_CAPITALS = (
    *range(0x4F6, 0x530),
    *range(0x1C90, 0x1CC0),
    0x1E9E,
    *range(0x1E900, 0x1E922),
)
# Currencies, arrows and symbols, punctuation, emoji
_LATER_SIGNS = (
    *range(0x20A0, 0x20D0),
    *range(0x2190, 0x2C00),
    *range(0x2E00, 0x2E80),
    *range(0x1F000, 0x1FB00),
)
_SIGNS = {"Cc", "Cf", "Co", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po"} | {
    *("Sm", "Sc", "Sk", "So", "Zs", "Zl", "Zp")
}

_BODY = r"""
DECLARE
    folded text;
    letter text;
    word text;
    terms text[] := '{}';
BEGIN
    -- Only ASCII has as many bytes as characters.
    IF octet_length(given) = length(given) THEN
        RETURN array_remove(string_to_array(regexp_replace(
            lower(given COLLATE "C"), '[^a-z0-9 ]+', ' ', 'g'), ' '), '');
    END IF;
    folded := lower(regexp_replace(
        normalize(given, NFKD) COLLATE "C", '[<ignored>]+', '', 'g'));
    IF octet_length(folded) > length(folded) THEN
        -- The database's locale spares the loop most of its work.
        folded := lower(folded COLLATE "default");
        LOOP
            letter := substring(folded COLLATE "C" FROM '[<letters>]');
            EXIT WHEN letter IS NULL;
            folded := replace(
                folded COLLATE "C", letter, '<folding>'::jsonb ->> letter);
        END LOOP;
    END IF;
    IF folded COLLATE "C" ~ '[<parts>]' THEN
        folded := normalize(folded, NFC);
    END IF;
    folded := regexp_replace(
        folded COLLATE "C", '[\x01-\x1f!-/:-@\[-`{-\x7f<parting>]+', ' ', 'g');
    IF length(folded) <= 500 AND folded COLLATE "C" !~ '[<spaceless>]' THEN
        RETURN array_remove(string_to_array(folded, ' '), '');
    END IF;
    FOREACH word IN ARRAY string_to_array(regexp_replace(
        folded COLLATE "C", '([<spaceless>]+)', ' \1 ', 'g'), ' ')
    LOOP
        IF word COLLATE "C" ~ '^[<spaceless>]' THEN
            FOR start IN 1..CASE WHEN is_asked THEN greatest(length(word) - 2, 1)
                                 ELSE length(word) END
            LOOP
                terms := terms || substr(word, start, 3);
            END LOOP;
        ELSIF word <> '' THEN
            -- A tsvector takes no longer term.
            terms := terms || left(word, 500);
        END IF;
    END LOOP;
    RETURN terms;
END
"""


@cache
def terms_function() -> Function:
    """Return the function ``cqrs_terms (given text, is_asked boolean) text[]``."""
    letters, parting = characters()
    body = _BODY
    for name, text in {
        "ignored": _IGNORED,
        "letters": ranges(letters),
        "folding": json.dumps(letters, ensure_ascii=False),
        "parts": _PARTS,
        "parting": ranges(parting),
        "spaceless": _SPACELESS,
    }.items():
        body = body.replace(f"<{name}>", text)
    return Function(
        "cqrs_terms",
        parameters="given text, is_asked boolean DEFAULT false",
        types="text, boolean",
        result="text[]",
        body=body,
    )


def characters() -> tuple[dict[str, str], list[str]]:
    """Return what letters are folded to, and the characters that part words.

    Of those beyond ASCII that normal form KD does not take apart.
    """
    letters, parting = dict(_WRITTEN), []
    later_capitals, later_signs = set(_LATER_CAPITALS), set(_LATER_SIGNS)
    for number in range(0x80, 0x20000):
        character = chr(number)
        category = ucd_3_2_0.category(character)
        if category in _SIGNS or (category == "Cn" and number in later_signs):
            parting.append(character)
        elif category == "Cn" and number not in later_capitals:
            continue
        elif category == "Nd":
            letters[character] = str(ucd_3_2_0.decimal(character))
        elif (folded := character.casefold()) != character:
            letters[character] = _WRITTEN.get(folded, folded)
    return (
        {letter: text for letter, text in letters.items() if _is_whole(letter)},
        [character for character in parting if _is_whole(character)],
    )


def _is_whole(character: str) -> bool:
    return normalize("NFKD", character) == character


def ranges(characters) -> str:
    """Return characters as the inside of a class of a regular expression."""
    runs = []
    for number in sorted(map(ord, characters)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return "".join(
        chr(first) if first == last else f"{chr(first)}-{chr(last)}"
        for first, last in runs
    )
