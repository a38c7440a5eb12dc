-- Slots of claim limits that are taken for entries of other partitions.
-- depends: 0016_proofs

CREATE TABLE ledger.claim_reservations (
    owner_id text COLLATE "C" NOT NULL,
    asset text COLLATE "C" NOT NULL,
    app text COLLATE "C" NOT NULL,
    nonce text COLLATE "C" NOT NULL,
    operation text COLLATE "C" NOT NULL,
    claim_subject text COLLATE "C" NOT NULL,
    scope_app text COLLATE "C" NOT NULL,
    period_start timestamp NOT NULL,
    slot integer NOT NULL,
    reserved_at timestamptz NOT NULL,
    claim_deadline timestamptz NOT NULL,
    attempts integer NOT NULL,
    kept_at timestamptz,
    hash bytea NOT NULL,
    CONSTRAINT claim_reservations_pkey PRIMARY KEY (owner_id, app, nonce),
    CONSTRAINT claim_reservations_nonce_once_per_app UNIQUE (app, nonce),
    CONSTRAINT claim_reservations_slot_positive CHECK (slot > 0),
    CONSTRAINT claim_reservations_attempts_positive CHECK (attempts > 0)
) WITH (fillfactor = 70);

COMMENT ON TABLE ledger.claim_reservations IS 'Slots of the limits of claim subjects that this partition keeps, taken for entries of owners whom other partitions keep. Each has a row in ledger.claims as well, with seq 0.';

CREATE INDEX claim_reservations_subject_idx ON ledger.claim_reservations (operation, claim_subject);
