-- Firms, and as many contacts, one in each.

\echo -- customers

SELECT last_value AS firm_base FROM res_partner_id_seq \gset

INSERT INTO res_partner (
    id, name, complete_name, commercial_company_name, commercial_partner_id, parent_id,
    is_company, email, email_normalized, city, type, lang, tz, color, active, employee,
    partner_share, message_bounce, calendar_last_notif_ack, create_uid, write_uid,
    create_date, write_date)
SELECT id, name, complete_name, firm, firm_id, parent_id,
       parent_id IS NULL, email, email, city, 'contact', 'en_US', 'UTC', 0, true, false,
       true, 0, :'began', 1, 1,
       :'began', :'began'
FROM generate_series(0, :firms_count - 1) f
CROSS JOIN LATERAL (
    SELECT :firm_base + 1 + f AS firm_id,
           (:'cities'::text[])[1 + f / (nf * nt) % cardinality(:'cities'::text[])]
               AS city,
           (:'firms'::text[])[1 + f % nf] || ' ' || (:'trades'::text[])[1 + f / nf % nt]
               AS trade,
           pg_temp.pick(:'first_names'::text[], pg_temp.draw(:seed, 'contact', f))
           || ' ' ||
           pg_temp.pick(:'last_names'::text[], pg_temp.draw(:seed, 'family', f))
               AS contact
    FROM (VALUES (cardinality(:'firms'::text[]), cardinality(:'trades'::text[])))
         v (nf, nt)
) x
CROSS JOIN LATERAL (
    SELECT trade || ' ' || city AS firm,
           '@' || lower(replace(trade, ' ', '-')) || f || '.example' AS domain
) y
CROSS JOIN LATERAL (
    VALUES (firm_id, firm, firm, NULL, 'info' || domain),
           (firm_id + :firms_count, contact, firm || ', ' || contact, firm_id,
            'contact' || domain)
) z (id, name, complete_name, parent_id, email);
SELECT setval('res_partner_id_seq', max(id)) FROM res_partner;
ANALYZE res_partner;
