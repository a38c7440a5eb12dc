-- Refused (LG903) once app1 has recorded anything: retire operations then instead.
DELETE FROM ledger.app_roles WHERE app = 'app1';

DELETE FROM ledger.app_operations WHERE app = 'app1';

DELETE FROM ledger.operations WHERE operation IN ('CONTENT_CREATION', 'CONTENT_ACCESS');

DELETE FROM ledger.apps WHERE app = 'app1';
