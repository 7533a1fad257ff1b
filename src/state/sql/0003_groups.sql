-- Consumer groups, as they were created.
CREATE TABLE state_groups (
  name TEXT PRIMARY KEY,
  id TEXT NOT NULL,                -- a new one for each that is created, a UUID
  settings TEXT NOT NULL,          -- JSON
  start_position BIGINT NOT NULL,  -- the events after it are the group's
  stopped TEXT,                    -- why it delivers nothing
  parked_changes BIGINT NOT NULL,  -- one more whenever parked events are discarded
  created_at BIGINT NOT NULL       -- microseconds since 1970, UTC
);

-- Who takes part. Nobody comes back under the same id, so that it is a fence.
CREATE TABLE state_group_members (
  group_name TEXT NOT NULL,
  id TEXT NOT NULL,             -- a UUID
  name TEXT NOT NULL,
  position BIGINT NOT NULL,     -- all of its buckets have come at least so far
  joined_at BIGINT NOT NULL,    -- microseconds since 1970, UTC
  expires_at BIGINT NOT NULL,   -- microseconds since 1970, UTC
  PRIMARY KEY (group_name, id)
);

-- How far each of the 1,024 parts of a group has come.
CREATE TABLE state_group_buckets (
  group_name TEXT NOT NULL,
  bucket BIGINT NOT NULL,
  position BIGINT NOT NULL,  -- its events up to here are answered; or up to its member's position
  attempts BIGINT NOT NULL,  -- how often the event right after that was delivered and not answered
  member TEXT,               -- whose it is; NULL: nobody's
  PRIMARY KEY (group_name, bucket)
);

-- Events that were put aside.
CREATE TABLE state_group_parked (
  group_name TEXT NOT NULL,
  position BIGINT NOT NULL,
  stream TEXT NOT NULL,
  version BIGINT NOT NULL,
  type TEXT NOT NULL,
  key TEXT NOT NULL,
  bucket BIGINT NOT NULL,
  attempts BIGINT NOT NULL,   -- 0: it was held behind another one
  last_error TEXT NOT NULL,
  parked_at BIGINT NOT NULL,  -- microseconds since 1970, UTC
  replays BIGINT NOT NULL,    -- 1: it is to be delivered again
  PRIMARY KEY (group_name, position)
);
CREATE INDEX state_group_parked_keys ON state_group_parked (group_name, bucket, key);
CREATE INDEX state_group_parked_replays ON state_group_parked (group_name, replays, position);
