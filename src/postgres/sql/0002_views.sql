-- What people who query with SQL may rely on: docs/formats/postgresql.md.

-- JSON as PostgreSQL has it. NULL where it cannot have it: what is no JSON, and JSON with a NUL or
-- half of a surrogate pair in a text, or nested too deep.
CREATE FUNCTION try_jsonb(payload bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE STRICT COST 1000 AS $$
BEGIN
  RETURN convert_from(payload, 'UTF8')::jsonb;
EXCEPTION WHEN others THEN
  RETURN NULL;
END
$$;

-- The events that a read of the whole store shows: not what is deleted, and not the store's own.
CREATE VIEW readable_events AS
SELECT
  e.position,
  e.stream,
  e.version,
  e.type,
  e.id,
  e.recorded_at,
  e.occurred_at,
  e.schema_version,
  decode_tags(e.tags) AS tags,
  try_jsonb(e.metadata) AS metadata,
  CASE e.format WHEN 1 THEN try_jsonb(e.data) END AS json,
  e.data,
  e.format,
  e.last_of_append
FROM events e
WHERE e.format <> 0
  AND left(e.stream, 1) <> '$'
  AND left(e.type, 1) <> '$'
  AND NOT EXISTS (
    SELECT FROM bounds b WHERE b.stream_id = e.stream_id AND b.first_kept > e.version
  );

-- Those of them that have JSON; where an index of `maint index --json` helps.
CREATE VIEW json_events AS
SELECT
  e.position,
  e.stream,
  e.version,
  e.type,
  e.id,
  e.recorded_at,
  e.occurred_at,
  e.schema_version,
  decode_tags(e.tags) AS tags,
  try_jsonb(e.metadata) AS metadata,
  try_jsonb(e.data) AS json
FROM events e
WHERE e.format = 1
  AND left(e.stream, 1) <> '$'
  AND left(e.type, 1) <> '$'
  AND NOT EXISTS (
    SELECT FROM bounds b WHERE b.stream_id = e.stream_id AND b.first_kept > e.version
  );

CREATE VIEW events_by_type AS
SELECT
  type,
  count(*) AS events,
  min(position) AS first_position,
  max(position) AS last_position,
  min(recorded_at) AS first_recorded_at,
  max(recorded_at) AS last_recorded_at
FROM readable_events
GROUP BY type;

CREATE VIEW events_by_stream AS
SELECT
  stream,
  count(*) AS events,
  min(version) AS first_version,
  max(version) AS last_version,
  min(recorded_at) AS first_recorded_at,
  max(recorded_at) AS last_recorded_at
FROM readable_events
GROUP BY stream;

CREATE VIEW events_by_day AS
SELECT
  (recorded_at AT TIME ZONE 'UTC')::date AS day,
  count(*) AS events,
  min(position) AS first_position,
  max(position) AS last_position
FROM readable_events
GROUP BY 1;
