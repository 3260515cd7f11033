-- The first form of the ledger goes: money is set aside in leases now. Holds that are still open are charged in full,
-- flagged as in doubt: nobody is left to settle them, and nobody knows whether they were sent.
DO $$
BEGIN
    PERFORM ledger_settle(
        array_agg(call_id), array_agg((opened_at AT TIME ZONE 'UTC')::date),
        array_agg('in_doubt'::text), array_agg(amount_nanos)
    ) FROM ledger_holds HAVING count(*) > 0;
END $$;
DROP VIEW ledger_audit;
DROP FUNCTION ledger_sweep, ledger_settle, ledger_reserve;
DROP TABLE ledger_holds;

-- All that stands against an account's limit.
CREATE OR REPLACE FUNCTION ledger_committed(a ledger_accounts) RETURNS numeric LANGUAGE sql IMMUTABLE AS $$
    SELECT a.spent_nanos::numeric + a.leased_nanos + a.doubt_nanos
$$;
ALTER TABLE ledger_accounts DROP held_nanos;

-- Must return no row at any moment. `amount_nanos` is how much is wrong.
CREATE VIEW ledger_audit AS
WITH leased AS (
    SELECT budget_id AS b, period_seq AS p, sum(granted - settled - returned) FILTER (WHERE state = 'active') AS active,
        sum(granted - settled - returned) FILTER (WHERE state = 'doubt') AS doubt
    FROM ledger_leases WHERE state <> 'closed' GROUP BY 1, 2
), buried AS (
    SELECT u.b, u.p, sum(d.amount_nanos) AS nanos FROM ledger_dead_letters d, unnest(d.budgets, d.periods) AS u (b, p)
    WHERE d.resolved_at IS NULL GROUP BY 1, 2
), spent AS (
    SELECT u.b, u.p, sum(e.cost_nanos) AS nanos FROM ledger_entries e, unnest(e.budgets, e.periods) AS u (b, p)
    GROUP BY 1, 2
)
SELECT a.budget_id, a.period_seq, c.what, c.amount_nanos
FROM ledger_accounts a LEFT JOIN leased l ON (l.b, l.p) = (a.budget_id, a.period_seq)
    LEFT JOIN buried d ON (d.b, d.p) = (a.budget_id, a.period_seq)
    LEFT JOIN spent s ON (s.b, s.p) = (a.budget_id, a.period_seq),
    LATERAL (VALUES
        ('leased differs from leases', a.leased_nanos - coalesce(l.active, 0)),
        ('doubt differs from what is doubted', a.doubt_nanos - coalesce(l.doubt, 0) - coalesce(d.nanos, 0)),
        ('spent differs from entries', a.spent_nanos - coalesce(s.nanos, 0)),
        ('over the limit', greatest(ledger_committed(a) - a.overrun_nanos - a.limit_nanos, 0))
    ) AS c (what, amount_nanos)
WHERE c.amount_nanos <> 0
UNION ALL
SELECT budget_id, period_seq, 'a closed lease has a rest', granted - settled - returned
FROM ledger_leases WHERE state = 'closed' AND granted <> settled + returned
UNION ALL
SELECT NULL, NULL, 'entries for one call: ' || call_id, count(*) FROM ledger_entries WHERE kind <> 'adjust'
GROUP BY call_id HAVING count(*) > 1;
