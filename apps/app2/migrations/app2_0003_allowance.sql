-- The credits of a plan come with an allowance, by the calendar: nobody claims them any more.
-- depends: app2_0002_prices

SELECT ledger.define_operation(
    operation => 'PLAN_ALLOWANCE',
    description => 'Credits of a plan: an allowance brings them every month; what is left expires with the next ones',
    default_amount => 1000,
    min_amount => 1,
    max_amount => 100000,
    expires_after => '1 month'
);
