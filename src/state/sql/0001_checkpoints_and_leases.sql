-- How far readers of the log have come.
CREATE TABLE state_checkpoints (
  name TEXT PRIMARY KEY,
  position BIGINT NOT NULL,
  stored_at BIGINT NOT NULL  -- microseconds since 1970, UTC
);

-- Who does the work that one at a time may do.
CREATE TABLE state_leases (
  name TEXT PRIMARY KEY,
  owner TEXT NOT NULL,
  fence BIGINT NOT NULL,      -- one higher with each owner
  expires_at BIGINT NOT NULL  -- microseconds since 1970, UTC
);
