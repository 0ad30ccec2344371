-- Functions live in the app's own schema; tables stay in public, as Django names them. Nobody but the owner makes anything
-- here, so that no name of ours can be taken.
CREATE SCHEMA ledger;
GRANT USAGE ON SCHEMA ledger TO crs_app;
