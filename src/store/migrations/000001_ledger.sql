-- The ledger: streams of entries that only grow, the tree over them, and signed checkpoints.
-- The server's role may add to it and read it; nobody but the owner may change or remove what is there.

create function now_ms() returns bigint language sql volatile
  as $$ select (extract(epoch from clock_timestamp()) * 1000)::bigint $$;

-- One row a stream: where its next entry goes. The row's lock is what orders writers of one stream.
create table stream (
  id text primary key,
  head bigint not null default 0,
  head_hash text not null
);

create table entry (
  stream text not null references stream,
  seq bigint not null check (seq > 0),
  -- RFC 6962 leaf hash of the bytes, in hex; the next entry names it.
  hash text not null,
  -- The canonical bytes: {"entry", "previous", "seq", "stream"}. A leaf is at most 65,535 bytes.
  bytes text not null check (octet_length(bytes) <= 65535),
  primary key (stream, seq)
);

-- Entries that are committed and not yet in the tree, with the transaction that wrote them.
create table unsequenced (
  stream text not null,
  seq bigint not null,
  hash text not null,
  transaction xid8 not null default pg_current_xact_id(),
  primary key (stream, seq)
);

create table leaf (
  index bigint primary key,
  stream text not null,
  seq bigint not null,
  unique (stream, seq)
);

-- Roots of complete subtrees: level 0 are the leaves' hashes.
create table node (
  level smallint not null,
  index bigint not null,
  hash text not null,
  primary key (level, index)
);

create table checkpoint (
  size bigint primary key,
  root text not null,
  note text not null,
  at bigint not null
);

-- Bytes that entries name by digest; retention may remove them while the entries stay.
create table content (
  digest text primary key,
  bytes text not null
);

-- Appends entries to one stream if its head is still the one that was read. The row lock is held until the
-- transaction ends, so that two writers of one stream take turns and the loser sees the moved head.
create function append_entries(stream_id text, expected bigint, hashes text[], all_bytes text[]) returns boolean
language plpgsql as $$
declare
  found_head bigint;
  added integer := cardinality(hashes);
begin
  select head into found_head from stream where id = stream_id for no key update;
  if found_head is null then
    if expected <> 0 then return false; end if;
    insert into stream (id, head, head_hash) values (stream_id, 0, '') on conflict do nothing;
    select head into found_head from stream where id = stream_id for no key update;
  end if;
  if found_head <> expected then return false; end if;
  insert into entry (stream, seq, hash, bytes)
    select stream_id, expected + i, hashes[i], all_bytes[i] from generate_subscripts(hashes, 1) as i;
  insert into unsequenced (stream, seq, hash)
    select stream_id, expected + i, hashes[i] from generate_subscripts(hashes, 1) as i;
  update stream set head = expected + added, head_hash = hashes[added] where id = stream_id;
  return true;
end $$;
