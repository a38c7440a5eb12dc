-- The quiz and its operations.
-- depends:

SELECT ledger.register_app(app => 'quiz', description => 'A quiz');

SELECT ledger.define_operation(operation => 'QUIZ_WON', description => 'Winning a round', default_amount => 2);

SELECT ledger.allow_operation(app => 'quiz', operation => 'QUIZ_WON');
