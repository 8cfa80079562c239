-- Who works for whom; users, employees, sales teams; the people that benchmarks act as.

\echo -- people

SELECT last_value AS user_base FROM res_users_id_seq \gset
SELECT last_value AS partner_base FROM res_partner_id_seq \gset
SELECT last_value AS employee_base FROM hr_employee_id_seq \gset
SELECT last_value AS resource_base FROM resource_resource_id_seq \gset
SELECT last_value AS version_base FROM hr_version_id_seq \gset
SELECT last_value AS team_base FROM crm_team_id_seq \gset
SELECT last_value AS alias_base FROM mail_alias_id_seq \gset
SELECT min(id) AS main, max(id) AS second FROM res_company \gset

-- A twentieth of the people, the last ones, belong to the second company. Each company
-- is a tree that is filled level by level: the manager of its k-th person is its
-- ((k - 2) / span + 1)-th. The second's first reports to the head, who is the main
-- company's first and employed by both.
--
--   team         the person in whose team one sells: of the level of team leaders, or,
--                above it, the first of the company
--   adversarial  is one of the team whose deals come last
CREATE TEMP TABLE person AS
WITH RECURSIVE place AS (
    SELECT n, 1 AS tree, n AS k, :main AS company_id
    FROM generate_series(1, :users - :users / 20) n
    UNION ALL
    SELECT :users - :users / 20 + k, 2, k, :second
    FROM generate_series(1, :users / 20) k
), post AS (
    SELECT *,
           CASE WHEN k > 1 THEN n - k + (k - 2) / :span + 1
                WHEN tree = 2 THEN 1
           END AS manager,
           tree = 1 AND k = :span * (:span + 2) + 2 AS leads_adversarial
    FROM place
), descent AS (
    SELECT post.*, 0 AS depth, n AS team, false AS adversarial
    FROM post WHERE manager IS NULL
    UNION ALL
    SELECT post.*, descent.depth + 1,
           CASE WHEN descent.depth = 2 OR post.k = 1 THEN post.n ELSE descent.team END,
           descent.adversarial OR post.leads_adversarial
    FROM descent JOIN post ON post.manager = descent.n
)
SELECT n, k, company_id, manager, depth, team, adversarial,
       CASE
           WHEN tree = 2 THEN CASE WHEN k = 1 THEN 'second_company' END
           WHEN k = 1 THEN 'head'
           -- The first director, and that one's first report.
           WHEN k = 2 THEN 'director'
           WHEN k = :span + 2 THEN 'manager'
           -- The first report of that manager's first colleague.
           WHEN leads_adversarial THEN 'adversarial'
           WHEN k = max(k) OVER (PARTITION BY tree) THEN 'biggest_owner'
           WHEN k = min(k) FILTER (WHERE depth = 5) OVER (PARTITION BY tree) THEN 'leaf'
       END AS role,
       pg_temp.pick(:'first_names'::text[], pg_temp.draw(:seed, 'first name', n))
       || ' ' ||
       pg_temp.pick(:'last_names'::text[], pg_temp.draw(:seed, 'last name', n)) AS name,
       'user' || lpad(n::text, 5, '0') || '@bench.example' AS login,
       true AS active,
       false AS below_vacancy,
       :user_base + n AS user_id,
       :partner_base + n AS partner_id,
       NULL::integer AS team_id
FROM descent;
ALTER TABLE person ADD PRIMARY KEY (n);

UPDATE person SET
    -- Left since, some with people below them.
    active = depth < 3 OR pg_temp.draw(:seed, 'archived', n) >= 0.02,
    -- Reports to a post that nobody with a user fills.
    below_vacancy = depth BETWEEN 2 AND 4 AND pg_temp.draw(:seed, 'vacancy', n) < 0.05
WHERE role IS NULL AND NOT adversarial;

UPDATE person SET team_id = :team_base + number
FROM (SELECT team, row_number() OVER (ORDER BY team) AS number
      FROM person GROUP BY team) teams
WHERE teams.team = person.team;
ANALYZE person;

\echo -- users
INSERT INTO res_partner (
    id, name, complete_name, type, email, email_normalized, commercial_partner_id,
    lang, tz, color, active, employee, is_company, partner_share, message_bounce,
    calendar_last_notif_ack, create_uid, write_uid, create_date, write_date)
SELECT partner_id, name, name, 'contact', login, login, partner_id,
       'en_US', ('{America/Los_Angeles,Asia/Kolkata,UTC}'::text[])[1 + n % 3], 0,
       true, true, false, false, 0,
       :'began', 1, 1, :'began', :'began'
FROM person;
SELECT setval('res_partner_id_seq', max(id)) FROM res_partner;

INSERT INTO res_users (
    id, login, password, partner_id, company_id, active, share, notification_type,
    signature, tour_enabled, create_uid, write_uid, create_date, write_date)
SELECT user_id, login, :'password', partner_id, company_id, active, false, 'inbox',
       '<div>' || name || '</div>', false, 1, 1, :'began', :'began'
FROM person;
SELECT setval('res_users_id_seq', max(id)) FROM res_users;

INSERT INTO res_users_settings (
    user_id, voice_active_duration, is_discuss_sidebar_category_channel_open,
    is_discuss_sidebar_category_chat_open, use_push_to_talk, calendar_default_privacy,
    create_uid, write_uid)
SELECT user_id, 200, true, true, false, 'public', 1, 1 FROM person;

INSERT INTO res_company_users_rel (cid, user_id)
SELECT company_id, user_id FROM person
UNION
SELECT :second, user_id FROM person WHERE role = 'head';

-- The head and a few others read all documents, the rest their own.
INSERT INTO res_groups_users_rel (gid, uid)
SELECT res_id, user_id
FROM person JOIN ir_model_data ON model = 'res.groups'
WHERE module = 'base' AND ir_model_data.name = 'group_user'
   OR module = 'sales_team' AND ir_model_data.name = CASE
          WHEN role = 'head' OR (role IS NULL AND n % 50 = 0)
          THEN 'group_sale_salesman_all_leads'
          ELSE 'group_sale_salesman'
      END
   OR module = 'base' AND ir_model_data.name = 'group_multi_company'
      AND role = 'head'
   -- Or each reassignment would send an e-mail.
   OR module = 'mail' AND ir_model_data.name = 'group_mail_notification_type_inbox';

\echo -- employees
-- One for each person; one more for the head, in the second company; and the vacancies.
CREATE TEMP TABLE employee AS
SELECT :employee_base + number AS id, :resource_base + number AS resource_id,
       :version_base + number AS version_id, employees.*
FROM (
    SELECT row_number() OVER (ORDER BY vacancy, extra, n) AS number, *
    FROM (
        SELECT n, company_id, false AS extra, false AS vacancy FROM person
        UNION ALL
        SELECT n, :second, true, false FROM person WHERE role = 'head'
        UNION ALL
        SELECT n, company_id, false, true FROM person WHERE below_vacancy
    ) kinds
) employees;

CREATE TEMP TABLE employment AS
SELECT employee.*,
       CASE WHEN employee.vacancy OR NOT below_vacancy THEN boss.id ELSE vacant.id END
           AS parent_id,
       CASE WHEN employee.vacancy THEN 'Vacancy above ' || name ELSE name END AS name,
       CASE WHEN NOT employee.vacancy THEN user_id END AS user_id,
       CASE WHEN NOT employee.vacancy THEN partner_id END AS partner_id,
       CASE WHEN NOT employee.vacancy THEN login END AS email,
       active OR employee.vacancy AS active,
       CASE depth WHEN 0 THEN 'Head of Sales' WHEN 1 THEN 'Sales Director'
                  WHEN 2 THEN 'Sales Manager' WHEN 3 THEN 'Team Leader'
                  ELSE 'Account Executive' END AS job_title
FROM employee
JOIN person USING (n)
LEFT JOIN employee boss ON boss.n = manager AND boss.company_id = employee.company_id
    AND NOT boss.vacancy AND NOT employee.extra
LEFT JOIN employee vacant ON vacant.n = person.n AND vacant.vacancy;

INSERT INTO resource_resource (
    id, name, user_id, company_id, calendar_id, resource_type, tz, active,
    time_efficiency, color, create_uid, write_uid, create_date, write_date)
SELECT resource_id, employment.name, user_id, company_id, resource_calendar_id, 'user',
       'UTC', employment.active, 100, 1, 1, 1, :'began', :'began'
FROM employment JOIN res_company ON res_company.id = company_id;
SELECT setval('resource_resource_id_seq', max(id)) FROM resource_resource;

-- Without its version, which names it, at first.
INSERT INTO hr_employee (
    id, resource_id, name, legal_name, user_id, company_id, parent_id, coach_id,
    work_contact_id, work_email, active, color, birthday_public_display,
    work_permit_scheduled_activity, create_uid, write_uid, create_date, write_date)
SELECT id, resource_id, name, name, user_id, company_id, parent_id, parent_id,
       partner_id, email, active, 0, false,
       false, 1, 1, :'began', :'began'
FROM employment;
SELECT setval('hr_employee_id_seq', max(id)) FROM hr_employee;

INSERT INTO hr_version (
    id, employee_id, company_id, address_id, resource_calendar_id, structure_type_id,
    hr_responsible_id, date_version, job_title, is_custom_job_title, employee_type,
    marital, km_home_work, distance_home_work_unit, active, is_flexible,
    is_fully_flexible, last_modified_uid, last_modified_date, create_uid, write_uid,
    create_date, write_date)
SELECT version_id, employment.id, company_id, res_company.partner_id,
       resource_calendar_id, structure_type_id,
       1, :'began'::date, job_title, true, 'employee',
       'single', 0, 'kilometers', true, false,
       false, 1, :'began', 1, 1,
       :'began', :'began'
FROM employment JOIN res_company ON res_company.id = company_id
CROSS JOIN (SELECT min(id) FROM hr_payroll_structure_type) s (structure_type_id);
SELECT setval('hr_version_id_seq', max(id)) FROM hr_version;

UPDATE hr_employee SET current_version_id = version_id
FROM employment WHERE employment.id = hr_employee.id;

\echo -- sales teams
CREATE TEMP TABLE team AS
SELECT team_id AS id, :alias_base + team_id - :team_base AS alias_id, name, user_id,
       company_id
FROM person WHERE n = team;

INSERT INTO mail_alias (
    id, alias_model_id, alias_parent_model_id, alias_parent_thread_id, alias_contact,
    alias_status, alias_defaults, alias_incoming_local, create_uid, write_uid)
SELECT alias_id, lead.id, crm_team.id, team.id, 'everyone',
       'not_tested', format('{''type'': ''opportunity'', ''team_id'': %s}', team.id),
       false, 1, 1
FROM team
JOIN ir_model lead ON lead.model = 'crm.lead'
JOIN ir_model crm_team ON crm_team.model = 'crm.team';
SELECT setval('mail_alias_id_seq', max(id)) FROM mail_alias;

INSERT INTO crm_team (
    id, name, alias_id, user_id, company_id, sequence, color, active, use_leads,
    use_opportunities, create_uid, write_uid, create_date, write_date)
SELECT id, jsonb_build_object('en_US', 'Team ' || name), alias_id, user_id, company_id,
       10, 1, true, true,
       true, 1, 1, :'began', :'began'
FROM team;
SELECT setval('crm_team_id_seq', max(id)) FROM crm_team;

INSERT INTO crm_team_member (
    crm_team_id, user_id, active, assignment_max, create_uid, write_uid, create_date,
    write_date)
SELECT team_id, user_id, active, 30, 1, 1, :'began', :'began'
FROM person ORDER BY n;

INSERT INTO team_favorite_user_rel (team_id, user_id)
SELECT team_id, user_id FROM person;

-- Memberships of who left are archived, and no longer tell the user's team.
UPDATE res_users SET sale_team_id = team_id
FROM person WHERE person.user_id = res_users.id AND person.active;

-- Whom to act as: the rows that a benchmark reads.
CREATE TABLE bench_role AS
SELECT role, user_id, employment.id AS employee_id, login
FROM person JOIN employment USING (n, user_id)
WHERE role IS NOT NULL AND NOT extra
ORDER BY n;
ALTER TABLE bench_role ADD PRIMARY KEY (role);
