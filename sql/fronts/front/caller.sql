-- As ledger_core.caller_role on a ledger: within a SECURITY DEFINER function current_user is the owner.
CREATE FUNCTION ledger_front.caller()
RETURNS text
LANGUAGE sql
STABLE
AS $$ SELECT coalesce(nullif(current_setting('role'), 'none'), session_user::text) $$;

COMMENT ON FUNCTION ledger_front.caller IS
'The role on whose behalf a function of schema ledger was called; a partition acts in this role.';
