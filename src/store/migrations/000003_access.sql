-- Who may come in, and answers already given.

create table token (
  id text primary key,
  -- SHA-256 of the secret, in hex: the secret itself is shown once and kept nowhere.
  secret_hash text not null unique,
  subject text not null,
  subject_kind text not null check (subject_kind in ('person', 'machine')),
  grants text not null,
  created_at bigint not null,
  expires_at bigint,
  revoked_at bigint
);

-- A command's answer, kept so that the same command sent again gets it again instead of happening twice.
create table idempotency (
  subject text not null,
  key text not null,
  request_digest text not null,
  status integer not null,
  answer text not null,
  at bigint not null,
  primary key (subject, key)
);

-- Releases by name, so that one can be listed and found by commit or digest.
create table release (
  stream text primary key,
  project text not null,
  service text not null,
  name text not null,
  commit_id text not null,
  artifact text,
  opened_at bigint not null
);
create index release_listing on release (project, service, opened_at desc);
create index release_commit on release (commit_id text_pattern_ops);
create index release_artifact on release (artifact);

-- Outgoing notifications: one event a release and stage, kept up to date, delivered until accepted.
create table notification (
  id bigint generated always as identity primary key,
  event text not null unique,
  project text not null,
  body text not null,
  due_at bigint,
  attempts integer not null default 0,
  delivered_at bigint
);
create index notification_due on notification (due_at) where due_at is not null;
