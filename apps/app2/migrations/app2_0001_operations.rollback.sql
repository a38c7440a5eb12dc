-- Refused (LG903) once app2 has recorded anything: retire operations then instead.
DELETE FROM ledger.app_roles WHERE app = 'app2';

DELETE FROM ledger.app_operations WHERE app = 'app2';

DELETE FROM ledger.operations WHERE operation IN ('TOKENS_USED', 'PLAN_ALLOWANCE');

DELETE FROM ledger.apps WHERE app = 'app2';
