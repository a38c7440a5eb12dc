-- Times are those of the clock, also after it was set back. An account says from where on its entries are in order.
-- depends: 0011_one_name_space_of_nonces

ALTER TABLE ledger.accounts ADD COLUMN in_order_from bigint NOT NULL DEFAULT 1;

COMMENT ON COLUMN ledger.accounts.in_order_from IS 'The entry from which on recorded_at does not run backwards: 1, unless the clock was set back.';

COMMENT ON COLUMN ledger.entries.recorded_at IS 'The clock of the server under the account''s lock. The order of entries is that of seq: the clock may have been set.';

COMMENT ON COLUMN ledger.accounts.last_entry_at IS 'recorded_at of the last entry; in the future if the clock was ahead then.';
