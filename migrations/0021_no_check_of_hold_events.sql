-- See 0018_cheaper_check_of_accounts. The words are those of the functions that write the lines, and under their hashes.
-- depends: 0020_cheaper_check_of_holds

ALTER TABLE ledger.hold_events DROP CONSTRAINT hold_events_event_known;
