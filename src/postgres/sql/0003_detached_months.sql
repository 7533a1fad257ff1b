-- Months whose tables are no part of the store for now. In place of events_YYYY_MM is then a table
-- of that name with the last event of each stream in that month alone, and without most columns:
-- versions stay known, and whoever reads the events of the month is refused.
ALTER TABLE months
  ADD COLUMN detached_at timestamptz,  -- NULL: the month is part of the store
  ADD COLUMN detached_events bigint,   -- how many events and tags it had
  ADD COLUMN detached_tags bigint;

CREATE VIEW detached_months AS
SELECT month, first_position, last_position, detached_at
FROM (
  SELECT
    month,
    first_position,
    lead(first_position) OVER (ORDER BY month) - 1 AS last_position,
    detached_at
  FROM months
) m
WHERE detached_at IS NOT NULL;
