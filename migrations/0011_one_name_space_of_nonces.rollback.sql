-- Refused while holds share their nonces with entries: the older version would report them for ever.
ALTER TABLE ledger.hold_events DROP CONSTRAINT hold_events_event_known;

ALTER TABLE ledger.hold_events ADD CONSTRAINT hold_events_event_known CHECK (
    event IN ('adopted', 'placed', 'captured', 'extended', 'released', 'expired')
);

COMMENT ON COLUMN ledger.hold_events.event IS 'placed, captured (also in part), extended, released, expired; adopted: the hold is older than this journal.';

DROP TABLE ledger_core.nonces;
