-- What a generation's tables and events are, so that another projection of the same name and version is
-- noticed: JSON; NULL where an earlier release made it.
ALTER TABLE state_projection_generations ADD COLUMN definition TEXT;
