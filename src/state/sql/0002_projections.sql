-- Projections, and what has been computed of each. Times are microseconds since 1970, UTC.
CREATE TABLE state_projections (
  name TEXT PRIMARY KEY,
  live_generation BIGINT NOT NULL,  -- 0: none yet
  is_paused BIGINT NOT NULL,
  failure TEXT,                     -- why it stopped, until it is resumed
  frozen_until BIGINT NOT NULL,     -- until then it waits for a rebuild to take its place
  created_at BIGINT NOT NULL
);

-- A projection's state, computed from the beginning by one version of it.
CREATE TABLE state_projection_generations (
  id BIGINT PRIMARY KEY,
  projection TEXT NOT NULL,
  version BIGINT NOT NULL,
  workers BIGINT NOT NULL,
  status TEXT NOT NULL,      -- 'live', 'building' or 'old'
  store_id TEXT NOT NULL,
  lineage_id TEXT NOT NULL,
  tables TEXT NOT NULL,      -- the names of its own tables, separated by spaces
  created_at BIGINT NOT NULL
);
-- Never used again: whoever hangs may still write to one.
CREATE TABLE state_projection_generation_ids (
  last_id BIGINT NOT NULL
);
INSERT INTO state_projection_generation_ids (last_id) VALUES (0);
CREATE INDEX state_projection_generations_of ON state_projection_generations (projection);

-- How far each worker of a generation has come.
CREATE TABLE state_projection_workers (
  generation BIGINT NOT NULL,
  worker BIGINT NOT NULL,
  position BIGINT NOT NULL,
  fence BIGINT NOT NULL,     -- of the lease of whoever may go on
  events BIGINT NOT NULL,    -- applied
  stored_at BIGINT NOT NULL,
  PRIMARY KEY (generation, worker)
);

-- Events that could not be applied, at first or at all.
CREATE TABLE state_projection_failures (
  generation BIGINT NOT NULL,
  projection TEXT NOT NULL,
  position BIGINT NOT NULL,
  stream TEXT NOT NULL,
  type TEXT NOT NULL,
  attempts BIGINT NOT NULL,
  error TEXT NOT NULL,
  state TEXT NOT NULL,       -- 'retrying', 'recovered', 'parked', 'skipped' or 'stopped'
  first_at BIGINT NOT NULL,
  last_at BIGINT NOT NULL,
  PRIMARY KEY (generation, position)
);

-- How many there were in each hour.
CREATE TABLE state_projection_failure_hours (
  projection TEXT NOT NULL,
  hour BIGINT NOT NULL,      -- its begin
  failed BIGINT NOT NULL,
  retries BIGINT NOT NULL,
  PRIMARY KEY (projection, hour)
);
