-- app1 publishes content: writing costs, reading is free but on record.
-- depends:

SELECT ledger.register_app(app => 'app1', description => 'Content platform');

SELECT ledger.define_operation(
    operation => 'CONTENT_CREATION',
    description => 'Publishing one piece of content',
    default_amount => -5
);

SELECT ledger.define_operation(
    operation => 'CONTENT_ACCESS',
    description => 'Reading one piece of content: free, but on record',
    default_amount => 0
);

SELECT ledger.allow_operation(app => 'app1', operation => 'CONTENT_CREATION');

SELECT ledger.allow_operation(app => 'app1', operation => 'CONTENT_ACCESS');
