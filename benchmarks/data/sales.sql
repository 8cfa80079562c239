-- Customers, each with an order and five invoices, as copies of the few that Odoo itself
-- has made in this database (SALES of devtools/bench.py): each column that is not
-- written here has what Odoo has put there.
--
-- psql variables:
--   day         the day the history ends
--   accounts    how many customers
--   firms, trades, cities   arrays of words

\set ON_ERROR_STOP on
\o /dev/null
SET client_min_messages = warning;
SET synchronous_commit = off;
SET work_mem = '256MB';
SET maintenance_work_mem = '512MB';
SET jit = off;

SELECT last_value AS partner_base FROM res_partner_id_seq \gset
SELECT last_value AS order_base FROM sale_order_id_seq \gset
SELECT last_value AS order_line_base FROM sale_order_line_id_seq \gset
SELECT last_value AS move_base FROM account_move_id_seq \gset
SELECT last_value AS line_base FROM account_move_line_id_seq \gset
SELECT array_agg(DISTINCT user_id) AS owners FROM crm_lead
WHERE company_id = (SELECT min(id) FROM res_company) AND user_id IS NOT NULL \gset

CREATE TEMP TABLE later AS
SELECT 1 AS step, pg_get_indexdef(indexrelid) AS make,
       format('DROP INDEX %s', indexrelid::regclass) AS remove
FROM pg_index
WHERE indrelid IN ('account_move'::regclass, 'account_move_line'::regclass)
  AND NOT indisprimary
UNION ALL
SELECT 2, format('ALTER TABLE %s ADD CONSTRAINT %I %s', conrelid::regclass, conname,
                 pg_get_constraintdef(oid)),
       format('ALTER TABLE %s DROP CONSTRAINT %I', conrelid::regclass, conname)
FROM pg_constraint
WHERE conrelid IN ('account_move'::regclass, 'account_move_line'::regclass)
  AND contype = 'f';
SELECT remove FROM later \gexec

\echo -- customers with invoices
CREATE TEMP TABLE account AS
SELECT n, :partner_base + n AS partner_id,
       (:'owners'::int[])[1 + n % cardinality(:'owners'::int[])] AS owner_id,
       (:'firms'::text[])[1 + n % cardinality(:'firms'::text[])] || ' '
       || (:'trades'::text[])[1 + n / 7 % cardinality(:'trades'::text[])] || ' '
       || (:'cities'::text[])[1 + n / 11 % cardinality(:'cities'::text[])] || ' '
       || n AS name
FROM generate_series(1, :accounts) n;
INSERT INTO res_partner
SELECT copied.*
FROM account
JOIN bench_sales ON kind = 'partner'
JOIN res_partner model ON model.id = record_id
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', partner_id, 'name', account.name, 'complete_name', account.name,
    'user_id', owner_id, 'commercial_partner_id', partner_id,
    'commercial_company_name', account.name,
    'customer_rank', 5)) copied;

\echo -- orders
INSERT INTO sale_order
SELECT copied.*
FROM account
JOIN bench_sales ON kind = 'order'
JOIN sale_order model ON model.id = record_id
CROSS JOIN LATERAL (SELECT 1 + (account.n * 37) % 400 AS factor OFFSET 0) f
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', :order_base + n, 'name', 'B' || lpad(n::text, 7, '0'), 'user_id', owner_id,
    'partner_id', account.partner_id, 'partner_invoice_id', account.partner_id,
    'partner_shipping_id', account.partner_id, 'date_order', :'day'::timestamp
        - make_interval(days => (n % 1000)::int),
    'amount_untaxed', model.amount_untaxed * factor,
    'amount_total', model.amount_total * factor)) copied;
INSERT INTO sale_order_line
SELECT copied.*
FROM account
JOIN bench_sales ON kind = 'order'
JOIN sale_order_line model ON model.order_id = record_id
CROSS JOIN LATERAL (SELECT 1 + (account.n * 37) % 400 AS factor OFFSET 0) f
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', :order_line_base + n, 'order_id', :order_base + n,
    'order_partner_id', account.partner_id, 'salesman_id', owner_id,
    'price_unit', model.price_unit * factor,
    'price_subtotal', model.price_subtotal * factor,
    'price_total', model.price_total * factor)) copied;

\echo -- invoices
-- Of five, one is in instalments, another is of the order, two are paid.
CREATE TEMP TABLE invoice AS
SELECT parts.n, partner_id, owner_id, account.n AS account_n,
       :move_base + parts.n AS move_id, 1 + (parts.n * 37) % 400 AS factor,
       part IN (2, 3) AS is_paid, part,
       CASE part WHEN 1 THEN 'instalments' ELSE 'invoice' END AS kind,
       :'day'::date - (parts.n % 1000)::int AS day
FROM account
CROSS JOIN LATERAL (
    SELECT (account.n - 1) * 5 + 1 + part AS n, part FROM generate_series(0, 4) part
) parts;
INSERT INTO account_move
SELECT copied.*
FROM invoice
JOIN bench_sales USING (kind)
JOIN account_move model ON model.id = record_id
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', invoice.move_id, 'name', 'BENCH/' || lpad(n::text, 8, '0'),
    'sequence_prefix', 'BENCH/', 'sequence_number', n,
    'partner_id', invoice.partner_id, 'partner_shipping_id', invoice.partner_id,
    'commercial_partner_id', invoice.partner_id, 'invoice_user_id', owner_id,
    'date', day, 'invoice_date', day,
    'invoice_date_due', day + CASE kind WHEN 'instalments' THEN 60 ELSE 30 END,
    'payment_state', CASE WHEN is_paid THEN 'paid' ELSE 'not_paid' END,
    'amount_untaxed', model.amount_untaxed * factor,
    'amount_total', model.amount_total * factor,
    'amount_residual', CASE WHEN is_paid THEN 0 ELSE model.amount_total * factor END,
    'amount_untaxed_signed', model.amount_untaxed_signed * factor,
    'amount_untaxed_in_currency_signed',
        model.amount_untaxed_in_currency_signed * factor,
    'amount_total_signed', model.amount_total_signed * factor,
    'amount_total_in_currency_signed', model.amount_total_in_currency_signed * factor,
    'amount_residual_signed',
        CASE WHEN is_paid THEN 0 ELSE model.amount_total_signed * factor END)) copied;

\echo -- entries of the invoices
CREATE TEMP TABLE entry AS
SELECT row_number() OVER (ORDER BY n, line.id) + :line_base AS line_id,
       line.id AS model_id, is_paid, factor, invoice.move_id, invoice.partner_id, day, n,
       part, account_n
FROM invoice
JOIN bench_sales USING (kind)
JOIN account_move_line line ON line.move_id = record_id;
INSERT INTO account_move_line
SELECT copied.*
FROM entry
JOIN account_move_line model ON model.id = model_id
CROSS JOIN LATERAL jsonb_populate_record(model, jsonb_build_object(
    'id', line_id, 'move_id', entry.move_id,
    'move_name', 'BENCH/' || lpad(n::text, 8, '0'), 'partner_id', entry.partner_id,
    'date', day, 'invoice_date', day,
    'date_maturity', day + (model.date_maturity - model.date) + 30 * (part <> 1)::int,
    'debit', model.debit * factor, 'credit', model.credit * factor,
    'balance', model.balance * factor, 'amount_currency', model.amount_currency * factor,
    'price_unit', model.price_unit * factor,
    'price_subtotal', model.price_subtotal * factor,
    'price_total', model.price_total * factor,
    'amount_residual',
        CASE WHEN is_paid THEN 0 ELSE model.amount_residual * factor END,
    'amount_residual_currency',
        CASE WHEN is_paid THEN 0 ELSE model.amount_residual_currency * factor END,
    'reconciled', is_paid AND model.display_type = 'payment_term')) copied;
INSERT INTO sale_order_line_invoice_rel (invoice_line_id, order_line_id)
SELECT line_id, :order_line_base + account_n
FROM entry JOIN account_move_line line ON line.id = line_id
WHERE part = 0 AND display_type = 'product';

SELECT setval('res_partner_id_seq', max(id)) FROM res_partner;
SELECT setval('sale_order_id_seq', max(id)) FROM sale_order;
SELECT setval('sale_order_line_id_seq', max(id)) FROM sale_order_line;
SELECT setval('account_move_id_seq', max(id)) FROM account_move;
SELECT setval('account_move_line_id_seq', max(id)) FROM account_move_line;

\echo -- indexes of the invoices
SELECT make FROM later WHERE step = 1 \gexec
\echo -- foreign keys of the invoices
SELECT make FROM later WHERE step = 2 \gexec
\echo -- visibility map and statistics of the invoices
VACUUM (ANALYZE);
