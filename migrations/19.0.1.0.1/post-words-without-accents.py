"""Words of opportunities are kept without accents; those that have been are not."""

# As the projection makes them in this version; only ASCII has as many bytes as
# characters, and none of it changes.
_WORDS = r"""
    UPDATE cqrs_opportunity_view view
    SET words = to_tsvector('simple', regexp_replace(
        normalize(regexp_replace(normalize(text, NFKD), '[\u0300-\u036f]', '', 'g'),
                  NFKC),
        '[!-/:-@\[-`{-~]', ' ', 'g'))
    FROM (SELECT id AS given_id,
                 left(name, 500) || ' ' || left(COALESCE(partner_name, ''), 500) AS text
          FROM cqrs_opportunity_view) given
    WHERE id = given_id AND octet_length(text) <> length(text)
"""


def migrate(cr, version):
    cr.execute(_WORDS)
