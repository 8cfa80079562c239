-- An organisation and its deals, in the tables of an Odoo that has crm and hr, and a
-- second company, but not this addon. The columns left out are those that Odoo leaves
-- empty.
--
-- psql variables:
--   seed        the same one gives the same rows; so must the others be
--   day         the day the history ends, as yyyy-mm-dd; it began five years before
--   users       people, in both companies
--   span        reports of each manager: with 2 for 50, 4 for 500 and 6 for 5,000
--               people there are six levels
--   password    hash of everybody's
--   first_names, last_names, firms, trades, cities, products   arrays of words
--
-- There are 200 opportunities, 10 leads and 10 partners for each person.

\set ON_ERROR_STOP on

SELECT :users * 5 AS firms_count, :users * 210 AS deals,
       :'day'::timestamp - interval '1826 days' AS began \gset
-- What setval() returns is of no interest.
\o /dev/null

SET client_min_messages = warning;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SET jit = off;

-- The n-th draw of its name: from 0 up to, and without, 1. The hash functions are those
-- that PostgreSQL partitions by, so they give the same in every version.
CREATE FUNCTION pg_temp.draw(seed bigint, what text, n bigint)
RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT (hashint8extended(n, hashtextextended(what, seed)) & 9007199254740991)
           / 9007199254740992.0::double precision  -- 53 bits
$$;

-- The item of a list that a draw stands for.
CREATE FUNCTION pg_temp.pick(list anyarray, draw double precision)
RETURNS anyelement LANGUAGE sql IMMUTABLE AS $$
    SELECT list[1 + floor(draw * cardinality(list))::int]
$$;

\ir people.sql
\ir customers.sql
\ir deals.sql

\echo -- visibility map and statistics
VACUUM (ANALYZE);
