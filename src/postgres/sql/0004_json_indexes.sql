-- The indexes over JSON payloads that were asked for: each is one index of every month's table.
CREATE TABLE json_indexes (
  number integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
  types text[] COLLATE "C" NOT NULL,  -- sorted; of events of these types only; empty: of all
  UNIQUE (types)
);
