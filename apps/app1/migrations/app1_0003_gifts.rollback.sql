-- Refused (LG903) once a gift was made: retire the operation then instead.
DELETE FROM ledger.app_operations WHERE operation = 'CREDIT_GIFT';

DELETE FROM ledger.operations WHERE operation = 'CREDIT_GIFT';
