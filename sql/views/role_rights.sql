-- The rights of roles live in the catalogue of the server and in ledger.app_roles; this brings them together. A role may
-- do what the roles may do that it can become (SET ROLE), so membership counts, inherited or not.
CREATE OR REPLACE VIEW ledger.role_rights AS
SELECT
    logins.rolname::text AS role_name,
    recording.apps AS records_for,
    owner.owns OR groups.audits AS audits,
    owner.owns OR groups.operates AS operates,
    owner.owns OR writing.tables > 0 AS writes_tables
FROM pg_roles AS logins
CROSS JOIN LATERAL (
    SELECT schemas.oid AS schema_id, pg_has_role(logins.oid, schemas.nspowner, 'MEMBER') AS owns
    FROM pg_namespace AS schemas
    WHERE schemas.nspname = 'ledger'
) AS owner
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(apps.app ORDER BY apps.app), '{}') AS apps
    FROM ledger.apps
    WHERE owner.owns OR EXISTS (
        SELECT 1 FROM ledger.app_roles
        INNER JOIN pg_roles AS bound ON app_roles.role_name = bound.rolname
        INNER JOIN pg_roles AS callers ON callers.rolname = 'ledger_app'
        WHERE app_roles.app = apps.app
            AND pg_has_role(logins.oid, bound.oid, 'MEMBER') AND pg_has_role(bound.oid, callers.oid, 'USAGE')
    )
) AS recording
CROSS JOIN LATERAL (
    SELECT
        count(*) > 0 AS audits,
        coalesce(bool_or(members.rolname = 'ledger_operator'), FALSE) AS operates
    FROM pg_roles AS members
    WHERE members.rolname IN ('ledger_auditor', 'ledger_operator') AND pg_has_role(logins.oid, members.oid, 'MEMBER')
) AS groups
CROSS JOIN LATERAL (
    SELECT count(*) AS tables FROM pg_class AS kept
    WHERE kept.relnamespace = owner.schema_id AND kept.relkind = 'r' AND (
        has_table_privilege(logins.oid, kept.oid, 'DELETE, TRUNCATE')
        OR has_any_column_privilege(logins.oid, kept.oid, 'INSERT, UPDATE')
    )
) AS writing
WHERE logins.rolcanlogin AND (
    owner.owns OR groups.audits OR writing.tables > 0 OR cardinality(recording.apps) > 0
);

COMMENT ON VIEW ledger.role_rights IS
'Every login that has rights in the ledger, directly or through a role that it may become.';
