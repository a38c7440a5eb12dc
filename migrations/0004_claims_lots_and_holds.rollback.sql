DROP TYPE ledger.hold;

DROP TABLE ledger.hold_lots;

DROP TABLE ledger.holds;

DROP TABLE ledger.lot_movements;

DROP TABLE ledger.lots;

DROP TABLE ledger.claims;
