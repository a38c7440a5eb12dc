-- Which logins may set budgets of their app.
-- depends: 0027_prices_and_budgets_of_apps

ALTER TABLE ledger.app_roles ADD COLUMN may_set_budgets boolean NOT NULL DEFAULT FALSE;
