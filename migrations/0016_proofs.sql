-- When the books were verified last, and when a checkpoint was taken: people ask, and only files of operators told.
-- depends: 0015_reversals_by_hand

CREATE TABLE ledger_core.proofs (
    kind text COLLATE "C" NOT NULL,
    role_name text COLLATE "C" NOT NULL,
    noted_at timestamptz NOT NULL,
    discrepancies bigint NOT NULL,
    CONSTRAINT proofs_pkey PRIMARY KEY (kind, role_name),
    CONSTRAINT proofs_kind_known CHECK (kind IN ('verify', 'checkpoint')),
    CONSTRAINT proofs_discrepancies_counted CHECK (discrepancies >= 0)
);

COMMENT ON TABLE ledger_core.proofs IS 'The last proof of each kind by each database role, as it said itself: for people, and no part of the books. Nothing relies on it.';

COMMENT ON COLUMN ledger_core.proofs.kind IS 'verify: the whole ledger was recomputed; checkpoint: a digest was taken.';

COMMENT ON COLUMN ledger_core.proofs.role_name IS 'The login that did it.';

COMMENT ON COLUMN ledger_core.proofs.discrepancies IS 'The number that was found; 0 for a checkpoint.';
