CREATE OR REPLACE FUNCTION ledger_core.is_member_of_apps(role text)
RETURNS boolean
LANGUAGE sql
STABLE
AS $$
SELECT EXISTS (
    SELECT 1
    FROM pg_auth_members
    INNER JOIN pg_roles AS members ON members.oid = pg_auth_members.member
    INNER JOIN pg_roles AS groups ON groups.oid = pg_auth_members.roleid
    WHERE groups.rolname = 'ledger_app' AND members.rolname = is_member_of_apps.role
)
$$;

COMMENT ON FUNCTION ledger_core.is_member_of_apps IS
'Whether a role was made a member of ledger_app itself, whoever did so.';
