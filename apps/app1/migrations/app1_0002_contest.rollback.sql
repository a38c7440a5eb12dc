-- Refused (LG903) once a prize was given: retire the operation then instead.
DELETE FROM ledger.app_operations WHERE operation = 'CONTEST_PRIZE';

DELETE FROM ledger.operations WHERE operation = 'CONTEST_PRIZE';
