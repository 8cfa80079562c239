-- Opportunities and leads, by the time of their creation.

\echo -- deals

SELECT last_value AS lead_base FROM crm_lead_id_seq \gset
SELECT array_agg(id ORDER BY sequence, id) FILTER (WHERE NOT COALESCE(is_won, false))
           AS open_stages,
       count(*) FILTER (WHERE NOT COALESCE(is_won, false)) AS stages,
       (array_agg(id ORDER BY sequence, id) FILTER (WHERE is_won))[1] AS won_stage
FROM crm_stage
WHERE id NOT IN (SELECT crm_stage_id FROM crm_stage_crm_team_rel) \gset
SELECT array_agg(id ORDER BY id) AS lost_reasons FROM crm_lost_reason \gset
SELECT id AS lang FROM res_lang WHERE code = 'en_US' \gset

-- To fill the table without its indexes and foreign keys, and make these afterwards,
-- takes a seventh of the time.
CREATE TEMP TABLE later AS
SELECT 1 AS step, pg_get_indexdef(indexrelid) AS make,
       format('DROP INDEX %s', indexrelid::regclass) AS remove
FROM pg_index WHERE indrelid = 'crm_lead'::regclass AND NOT indisprimary
UNION ALL
SELECT 2, format('ALTER TABLE crm_lead ADD CONSTRAINT %I %s', conname,
                 pg_get_constraintdef(oid)),
       format('ALTER TABLE crm_lead DROP CONSTRAINT %I', conname)
FROM pg_constraint WHERE conrelid = 'crm_lead'::regclass AND contype = 'f';
SELECT remove FROM later \gexec

-- Who owns a deal is a place in a pool of sellers: `biggest` is one person,
-- `adversarial` a team, `open 1` and `open 2` are nobody in either company, `1` and `2`
-- all others, ordered by how much they sell.
CREATE TEMP TABLE seller AS
SELECT pool, row_number() OVER (PARTITION BY pool ORDER BY place, n) - 1 AS place,
       user_id, team_id, company_id
FROM (
    SELECT CASE WHEN role = 'biggest_owner' THEN 'biggest'
                WHEN adversarial THEN 'adversarial'
                WHEN company_id = :main THEN '1'
                ELSE '2'
           END AS pool,
           n, user_id, team_id, company_id,
           -- Whom benchmarks act as has an average number of deals, at every size.
           CASE WHEN role IS NULL THEN pg_temp.draw(:seed, 'place', n)
                ELSE 0.18 END AS place
    FROM person
    UNION ALL
    SELECT CASE company_id WHEN :main THEN 'open 1' ELSE 'open 2' END,
           n, NULL, team_id, company_id, 0
    FROM person WHERE role IN ('head', 'second_company')
) sellers;
ANALYZE seller;

INSERT INTO crm_lead (
    id, name, type, user_id, team_id, company_id, stage_id, partner_id, lang_id,
    contact_name, partner_name, email_from, email_normalized, email_domain_criterion,
    email_state, city, priority, won_status, active, lost_reason_id, probability,
    automated_probability, expected_revenue, prorated_revenue, recurring_revenue,
    recurring_revenue_monthly, recurring_revenue_monthly_prorated,
    recurring_revenue_prorated, date_deadline, date_closed, date_open,
    date_last_stage_update, day_open, day_close, color, message_bounce,
    iap_enrich_done, create_uid, write_uid, create_date, write_date)
SELECT :lead_base + n, CASE WHEN is_last THEN 'Zone access' ELSE product END
       || ' for ' || firm,
       CASE WHEN is_lead THEN 'lead' ELSE 'opportunity' END,
       user_id, team_id, company_id, stage_id,
       CASE WHEN NOT is_lead THEN partner_id END, CASE WHEN NOT is_lead THEN :lang END,
       contact, firm, email, email,
       substr(email, strpos(email, '@')),
       'correct', CASE WHEN NOT is_lead THEN city END, priority, status,
       status <> 'lost', lost_reason_id, probability,
       probability, value, round(value * probability / 100, 2), 0,
       0, 0,
       0, deadline, closed, CASE WHEN user_id IS NOT NULL THEN created END,
       changed, 0, CASE WHEN closed IS NULL THEN 0
           ELSE extract(day FROM closed - created) END, 0, 0,
       true, COALESCE(user_id, 1), COALESCE(user_id, 1), created,
       changed
FROM (
    SELECT n, n % 21 = 0 AS is_lead,  -- 200 of 210 are opportunities
           :'began'::timestamp + (:'day' - :'began'::timestamp) * ((n - 0.5) / :deals)
               AS created,
           CASE
               WHEN n % 10 = 0 THEN 'biggest'
               -- What comes last in every order comes first in time.
               WHEN n <= :deals / 100 AND n % 21 <> 0 THEN 'adversarial'
               ELSE CASE WHEN pg_temp.draw(:seed, 'open', n) < 0.03
                    THEN 'open ' ELSE '' END
                    || CASE WHEN pg_temp.draw(:seed, 'company', n) < 0.055
                       THEN '2' ELSE '1' END
           END AS pool
    FROM generate_series(1, :deals) n
) deal
JOIN (SELECT pool, count(*) AS size FROM seller GROUP BY pool) pools USING (pool)
-- The r-th of the pools `1` and `2` sells in proportion to r to the power of -2/3.
JOIN seller ON seller.pool = deal.pool AND seller.place = floor(
    size * pg_temp.draw(:seed, 'seller', n)
           ^ CASE deal.pool WHEN 'adversarial' THEN 1 ELSE 3 END)
JOIN (
    SELECT id AS partner_id, commercial_company_name AS firm, email, city,
           CASE WHEN NOT is_company THEN name END AS contact
    FROM res_partner
) customer ON partner_id = :firm_base + 1 + floor(
    :firms_count * 2 * pg_temp.draw(:seed, 'customer', n) ^ 2)
-- OFFSET 0 keeps an expression from being copied to wherever its name is used.
CROSS JOIN LATERAL (
    SELECT deal.pool = 'adversarial' AS is_last,
           pg_temp.draw(:seed, 'status', n) AS status_draw,
           pg_temp.pick(:'products'::text[], pg_temp.draw(:seed, 'product', n))
               AS product,
           floor(4 * pg_temp.draw(:seed, 'priority', n) ^ 3)::text AS priority
    OFFSET 0
) a
CROSS JOIN LATERAL (
    SELECT CASE
               WHEN is_lead THEN CASE WHEN status_draw < 0.2 THEN 'lost'
                                 ELSE 'pending' END
               WHEN status_draw < CASE WHEN is_last THEN 0.5 ELSE 0.25 END THEN 'won'
               WHEN status_draw < 0.5 THEN 'lost'
               ELSE 'pending'
           END AS status,
           -- Index of the open stage that it has come to.
           CASE
               WHEN is_lead THEN 0
               WHEN is_last THEN :stages - 1
               ELSE floor(:stages * pg_temp.draw(:seed, 'stage', n))::int
           END AS stage
    OFFSET 0
) b
CROSS JOIN LATERAL (
    SELECT CASE status
               WHEN 'won' THEN :won_stage
               ELSE (:'open_stages'::int[])[1 + stage]
           END AS stage_id,
           CASE status
               WHEN 'won' THEN 100
               WHEN 'lost' THEN 0
               ELSE 10 + 80 * stage / :stages
           END AS probability,
           CASE status WHEN 'lost' THEN pg_temp.pick(
               :'lost_reasons'::int[], pg_temp.draw(:seed, 'reason', n))
           END AS lost_reason_id,
           -- A quarter is round, so that many are equal.
           CASE
               WHEN is_lead THEN 0
               WHEN is_last THEN round((1 + 998 * value_draw)::numeric, 2)
               ELSE round((1000 + 249000 * value_draw ^ 4)::numeric,
                          CASE WHEN n % 4 = 1 THEN -3 ELSE 2 END)
           END AS value,
           CASE WHEN status <> 'pending' THEN date_trunc(
               'second', created + interval '1 second' + CASE
                   WHEN is_last THEN interval '0'
                   ELSE least(:'day' - created, interval '180 days') * delay_draw
               END)
           END AS closed
    FROM (VALUES (pg_temp.draw(:seed, 'value', n), pg_temp.draw(:seed, 'delay', n)))
         v (value_draw, delay_draw)
    OFFSET 0
) c
CROSS JOIN LATERAL (
    SELECT CASE
               WHEN closed IS NOT NULL THEN closed
               WHEN is_last THEN created
               ELSE created + (:'day' - created) * pg_temp.draw(:seed, 'change', n)
           END AS changed,
           CASE
               WHEN is_lead THEN NULL
               WHEN is_last THEN :'day'::date + 380
               WHEN closed IS NOT NULL THEN closed::date - 30
               ELSE created::date + 10
           END + floor(CASE WHEN is_last THEN 20 WHEN closed IS NOT NULL THEN 60
                       ELSE 365 END * pg_temp.draw(:seed, 'deadline', n))::int
               AS deadline
    OFFSET 0
) d;
SELECT setval('crm_lead_id_seq', max(id)) FROM crm_lead;

\echo -- indexes of the deals
SELECT make FROM later WHERE step = 1 \gexec
\echo -- foreign keys of the deals
SELECT make FROM later WHERE step = 2 \gexec
