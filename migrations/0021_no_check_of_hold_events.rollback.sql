ALTER TABLE ledger.hold_events ADD CONSTRAINT hold_events_event_known CHECK (
    event IN ('adopted', 'placed', 'captured', 'extended', 'released', 'expired', 'nonce_shared')
) NOT VALID;
