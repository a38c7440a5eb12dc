-- Inlined by the planner wherever it is used.
CREATE OR REPLACE FUNCTION ledger_core.makes_lot(entry ledger.entries)
RETURNS boolean
LANGUAGE sql
IMMUTABLE
AS $$
SELECT num_nonnulls(entry.expires_at, entry.credit_class, entry.priority, entry.usable_for, entry.usable_in) > 0
$$;

COMMENT ON FUNCTION ledger_core.makes_lot IS
'True if the credits of an entry are a lot: they will expire, or have a class, a priority, or a limited use.';
