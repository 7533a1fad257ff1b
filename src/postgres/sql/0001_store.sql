-- The tables of a store. What they hold, and how they are read and written: docs/formats/postgresql.md.

CREATE TABLE store (
  only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
  store_id uuid NOT NULL,
  lineage_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Every stream that was ever named by an event, or by its metadata. Rows are never updated: the
-- version of a stream is that of its last event, so that no row grows hot and bloats.
CREATE TABLE streams (
  stream_id bigint NOT NULL,
  month integer NOT NULL,  -- of its first event, as 202611; 0: named by its metadata before
  name text COLLATE "C" NOT NULL,
  PRIMARY KEY (stream_id),
  UNIQUE (name)
);

-- The later months in which a stream has events, and where in the stream they begin.
CREATE TABLE stream_months (
  stream_id bigint NOT NULL,
  first_version bigint NOT NULL,
  month integer NOT NULL,
  PRIMARY KEY (stream_id, month)
);

-- The months that have events, and the table that they are in.
CREATE TABLE months (
  month integer PRIMARY KEY,
  first_position bigint NOT NULL,
  in_default boolean NOT NULL
);

-- What is deleted of streams, as each event that says so has it.
CREATE TABLE bounds (
  stream_id bigint NOT NULL,
  position bigint NOT NULL,  -- of the event that says so
  truncate_before bigint NOT NULL,
  max_count bigint,
  max_age bigint,  -- in seconds
  tombstone bigint NOT NULL,
  first_kept bigint NOT NULL GENERATED ALWAYS AS (greatest(truncate_before, tombstone)) STORED,
  PRIMARY KEY (stream_id, position)
);

CREATE TABLE event_ids (
  stream_id bigint NOT NULL,
  position bigint NOT NULL,
  version bigint NOT NULL,
  id uuid NOT NULL,
  attempt bigint,  -- to append it, where ids were given: random, so that who lost the answer knows its own
  PRIMARY KEY (stream_id, id)
);

CREATE TABLE events (
  position bigint NOT NULL,
  stream_id bigint NOT NULL,
  version bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  schema_version bigint NOT NULL,
  occurred_at timestamptz,
  id uuid NOT NULL,
  format smallint NOT NULL,  -- 1: JSON, 2: binary, 0: a husk, of which only id and version are left
  last_of_append boolean NOT NULL,
  stream text COLLATE "C" NOT NULL,
  type text COLLATE "C" NOT NULL,
  tags bytea NOT NULL,  -- each a u16 length, little-endian, and its bytes
  metadata bytea NOT NULL,
  data bytea NOT NULL
) PARTITION BY RANGE (recorded_at);

CREATE TABLE tags (
  position bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  tag text COLLATE "C" NOT NULL
) PARTITION BY RANGE (recorded_at);

-- Where events of a month come that has no table yet.
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE UNIQUE INDEX ON events_default (position);
CREATE UNIQUE INDEX ON events_default (stream_id, version);
CREATE INDEX ON events_default (type, position);
CREATE INDEX ON events_default (split_part(stream, '-', 1) COLLATE "C", position);
CREATE TABLE tags_default PARTITION OF tags DEFAULT;
CREATE UNIQUE INDEX ON tags_default (tag, position);

-- The tags of an event as an array.
CREATE FUNCTION decode_tags(encoded bytea) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
  at integer := 0;
  size integer;
  tags text[] := '{}';
BEGIN
  WHILE at < octet_length(encoded) LOOP
    size := get_byte(encoded, at) + get_byte(encoded, at + 1) * 256;
    tags := tags || convert_from(substr(encoded, at + 3, size), 'UTF8');
    at := at + 2 + size;
  END LOOP;
  RETURN tags;
END
$$;
