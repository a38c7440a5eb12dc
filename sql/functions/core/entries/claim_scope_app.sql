-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.claim_scope_app(claim_scope text, app text)
RETURNS text
LANGUAGE sql
IMMUTABLE
AS $$ SELECT CASE claim_scope WHEN 'owner_and_app' THEN app ELSE '' END $$;

COMMENT ON FUNCTION ledger_core.claim_scope_app IS
'The app within which a claim counts; empty if all apps share the limit.';
