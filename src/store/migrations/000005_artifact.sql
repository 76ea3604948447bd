-- Uploaded bytes by their digest, where servers share no folder: manifest bundles above all.
create table artifact (
  digest text primary key check (digest ~ '^sha256:[0-9a-f]{64}$'),
  content bytea not null
);
grant select, insert on artifact to belay_server;
