-- The two schemas: ledger is the interface, ledger_core the inside (no role of an application may use it).
-- depends:

CREATE SCHEMA IF NOT EXISTS ledger;

COMMENT ON SCHEMA ledger IS 'Shared ledger of user credits: functions to call, views and tables to read. Start with ledger.account_balances and ledger.entry_journal.';

CREATE SCHEMA IF NOT EXISTS ledger_core;

COMMENT ON SCHEMA ledger_core IS 'Inside of the shared ledger: the logic behind the functions of schema ledger, and the bookkeeping of migrations. Nobody but its owner may use it.';
