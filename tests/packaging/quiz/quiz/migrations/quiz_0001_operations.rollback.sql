DELETE FROM ledger.app_operations WHERE app = 'quiz';

DELETE FROM ledger.operations WHERE operation = 'QUIZ_WON';

DELETE FROM ledger.apps WHERE app = 'quiz';
