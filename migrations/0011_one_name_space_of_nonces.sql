-- Entries and holds share their nonces, and stand in two tables. A key of their own lets the database refuse what two
-- transactions do at the same moment, at every isolation level.
-- depends: 0010_generations

CREATE TABLE ledger_core.nonces (
    app text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    CONSTRAINT nonces_pkey PRIMARY KEY (app, nonce)
);

COMMENT ON TABLE ledger_core.nonces IS 'Nonces of all holds, and of the entries that were recorded since this table exists; ledger.entries has the older ones. Every entry and every hold takes its nonce here first. Append only.';

-- What calls in flight leave out follows after the upgrade: ledger_core.adopt_nonces.
INSERT INTO ledger_core.nonces (app, nonce) SELECT holds.app, holds.nonce FROM ledger.holds;

ALTER TABLE ledger.hold_events DROP CONSTRAINT hold_events_event_known;

ALTER TABLE ledger.hold_events ADD CONSTRAINT hold_events_event_known CHECK (
    event IN ('adopted', 'placed', 'captured', 'extended', 'released', 'expired', 'nonce_shared')
) NOT VALID;

COMMENT ON COLUMN ledger.hold_events.event IS 'placed, captured (also in part), extended, released, expired; adopted: the hold is older than this journal; nonce_shared: an entry has the same nonce, because both were made at the same moment by a version that could not tell.';
