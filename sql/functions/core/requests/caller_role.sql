-- Inside a SECURITY DEFINER function current_user is the owner, so the caller is who logged in, or
-- whoever that login became by SET ROLE (which PostgreSQL allows for its own memberships only).
CREATE OR REPLACE FUNCTION ledger_core.caller_role()
RETURNS name
LANGUAGE sql
STABLE
AS $$ SELECT coalesce(nullif(current_setting('role'), 'none')::name, session_user) $$;

COMMENT ON FUNCTION ledger_core.caller_role IS
'The role on whose behalf a function of schema ledger was called.';
