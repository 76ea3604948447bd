import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { catalogueFingerprint } from './fingerprint.ts';
import { createTestDatabase } from './testing/database.ts';

const empty = mkdtempSync(join(tmpdir(), 'belay-test-'));
after(() => rmSync(empty, { recursive: true, force: true }));

const SCHEMA = `
  create type mood as enum ('calm', 'tense');
  create domain weight as integer check (value between 0 and 100);
  create table slot (
    id bigint generated always as identity primary key,
    name text not null collate "C",
    share weight default 0,
    mood mood not null default 'calm',
    double integer generated always as (1 + 1) stored
  );
  create table entry (slot bigint not null references slot (id), body bytea, primary key (slot, body)) with (fillfactor = 70);
  create index entry_body on entry (body) where body is not null;
  create view busy as select s.id from slot s join entry e on e.slot = s.id;
  create function twice(n integer) returns integer language sql immutable as 'select n * 2';
  create function refuse() returns trigger language plpgsql as 'begin raise exception ''append only''; end';
  create trigger append_only before delete on entry for each statement execute function refuse();
  revoke execute on function twice(integer) from public;
  do $$ begin create role fingerprint_reader; exception when duplicate_object then null; end $$;
  grant select, insert on entry to fingerprint_reader;
  grant update (name) on slot to fingerprint_reader;
  grant all on busy to fingerprint_reader;`;

test('the text names every kind of object, whatever the version of PostgreSQL', async () => {
  await using database = await createTestDatabase(empty);
  await database.pool.query('drop table schema_migration');
  await database.pool.query(SCHEMA);
  const lines = (await catalogueFingerprint(database.pool)).trimEnd().split('\n');
  const shown = lines.filter((line) => !/^(?:function|grant \w+ on (?:schema|table busy))/.test(line));
  assert.deepEqual(shown, [
    'column busy.id bigint',
    'column entry.body bytea not null',
    'column entry.slot bigint not null',
    'column slot.double integer generated stored (1 + 1)',
    'column slot.id bigint not null identity always',
    "column slot.mood mood not null default 'calm'::mood",
    'column slot.name text collate C not null',
    'column slot.share weight default 0',
    'constraint entry_pkey on entry PRIMARY KEY (slot, body)',
    'constraint entry_slot_fkey on entry FOREIGN KEY (slot) REFERENCES slot(id)',
    'constraint slot_pkey on slot PRIMARY KEY (id)',
    'constraint weight_check on weight CHECK (((VALUE >= 0) AND (VALUE <= 100)))',
    'grant execute on function refuse() to public',
    'grant insert on table entry to fingerprint_reader',
    'grant select on table entry to fingerprint_reader',
    'grant update on column slot.name to fingerprint_reader',
    'index CREATE INDEX entry_body ON public.entry USING btree (body) WHERE (body IS NOT NULL)',
    'index CREATE UNIQUE INDEX entry_pkey ON public.entry USING btree (slot, body)',
    'index CREATE UNIQUE INDEX slot_pkey ON public.slot USING btree (id)',
    'sequence slot_id_seq bigint start 1 increment 1 min 1 max 9223372036854775807',
    'table entry options {fillfactor=70}',
    'table slot',
    'trigger CREATE TRIGGER append_only BEFORE DELETE ON public.entry FOR EACH STATEMENT EXECUTE FUNCTION refuse()',
    "type mood enum 'calm', 'tense'",
    'type weight domain over integer',
    'view busy as SELECT s.id FROM (slot s JOIN entry e ON ((e.slot = s.id)));',
  ]);
  assert.match(
    lines.find((line) => line.startsWith('function twice(')) ?? '',
    /^function twice\(n integer\) CREATE OR REPLACE FUNCTION public\.twice\(n integer\) RETURNS integer LANGUAGE sql IMMUTABLE AS/,
  );
  assert.equal(
    lines.some((line) => /maintain/.test(line)),
    false,
  );
});

test('the order of making does not count, any difference does', async () => {
  await using first = await createTestDatabase(empty);
  await using second = await createTestDatabase(empty);
  await first.pool.query('create table a (x integer); create table b (y integer)');
  await second.pool.query('create table b (y integer); create table a (x integer)');
  const before = await catalogueFingerprint(first.pool);
  assert.equal(await catalogueFingerprint(second.pool), before);
  await second.pool.query('alter table a alter x set default 1');
  assert.notEqual(await catalogueFingerprint(second.pool), before);
});
