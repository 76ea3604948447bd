-- Slots: folded state, what was observed since, and the lanes of work on them. All of it can be made again
-- from the ledger and the outside.

create table slot (
  id text primary key,
  project text not null,
  environment text not null,
  service text not null,
  -- Folded up to `folded`; entries after it are folded in by whoever loads it.
  state text,
  folded bigint not null default 0,
  waits text not null default '[]',
  next_check bigint,
  -- Until when the last observation was seen unchanged.
  seen_until bigint,
  -- Streams that its next turn reads besides its own.
  reads text[] not null default '{}'
);
create index slot_project on slot (project);
-- Finds the slots that a fact on a stream makes due.
create index slot_reads on slot using gin (reads);

-- Samples of a rollout that no entry has taken in yet.
create table sample (
  slot text not null,
  promotion text not null,
  id bigint generated always as identity,
  t double precision not null,
  body text not null,
  primary key (slot, id)
);

-- One row a lane. Due when due_at has come and no lease is running. A claim moves due_at to the lease's end,
-- so that the work of a dead worker comes due by itself.
create table work (
  slot text not null,
  lane text not null check (lane in ('turn', 'observe', 'effect')),
  due_at bigint,
  leased_until bigint not null default 0,
  token bigint not null default 0,
  primary key (slot, lane)
);
create index work_due on work (lane, due_at) where due_at is not null;

-- This transaction need not wait for the disk: what it writes can be lost in a crash without harm, because it is
-- only about who works on what and when, which comes again by itself.
create function lightly() returns void language sql as $$
  select set_config('synchronous_commit', 'off', true)
$$;

-- Claims lanes that are due. SKIP LOCKED: two claimers never wait for each other, they take different rows.
create function claim_lanes(which text, most integer, lease bigint) returns table (claimed text, held bigint) language plpgsql as $$
begin
  perform lightly();
  return query
    update work as w set token = w.token + 1, leased_until = now_ms() + lease, due_at = now_ms() + lease
      from (select slot from work where lane = which and due_at <= now_ms() and leased_until <= now_ms()
             order by due_at limit most for update skip locked) as due
     where w.slot = due.slot and w.lane = which
    returning w.slot, w.token;
end $$;

-- Makes lanes due. Rows are locked in the order of their slots, so that two wakers never wait for each other.
create function wake(slots text[], which text, at bigint) returns void language sql as $$
  update work as w set due_at = at
    from (select slot, lane from work where slot = any (slots) and lane = which and (due_at is null or due_at > at)
           order by slot for no key update) as locked
   where w.slot = locked.slot and w.lane = locked.lane
$$;

create function open_slot(slot_id text, in_project text, in_environment text, of_service text) returns void language sql as $$
  insert into slot (id, project, environment, service) values (slot_id, in_project, in_environment, of_service) on conflict do nothing;
  insert into work (slot, lane) values (slot_id, 'turn'), (slot_id, 'observe'), (slot_id, 'effect') on conflict do nothing;
$$;

-- Appends one fact and makes the turns that read its stream due, in one round trip.
create function append_fact(stream_id text, expected bigint, hash text, bytes text) returns boolean language plpgsql as $$
declare
  at bigint := now_ms();
begin
  if not append_entries(stream_id, expected, array[hash], array[bytes]) then return false; end if;
  if stream_id like 'slot/%' then
    perform open_slot(stream_id, split_part(stream_id, '/', 2), split_part(stream_id, '/', 3), split_part(stream_id, '/', 4));
    perform wake(array[stream_id], 'turn', at);
  else
    perform wake(array(select id from slot where reads @> array[stream_id]), 'turn', at);
  end if;
  return true;
end $$;

-- Gives a lane back. What came due while it was leased stays due.
create function release_lane(slot_id text, which text, held bigint, next bigint) returns void language sql as $$
  update work set due_at = case when due_at < leased_until then due_at else next end, leased_until = 0
   where slot = slot_id and lane = which and token = held
$$;

-- Writes one turn: all of it, or nothing when a stream that was read has moved or the lease has gone to another.
-- Streams come first, in the order of their ids (the caller sorts them), lanes after them, in the order of their
-- slots: every writer keeps that order, so that none waits for another in a circle. Streams that are only read
-- are compared and not locked: a fact that commits a moment later is ordered after this turn, and whoever
-- carries out an effect looks again.
create function commit_turn(turn json) returns boolean language plpgsql as $$
declare
  slot_id text := turn->>'slot';
  at bigint := now_ms();
  part json;
  woken text[] := '{}';
begin
  if json_array_length(turn->'appends') = 0 then
    perform lightly();
  else
    if exists (select 1 from json_each_text(turn->'reads') as r left join stream as s on s.id = r.key
                where coalesce(s.head, 0) <> r.value::bigint) then
      perform release_lane(slot_id, 'turn', (turn->>'token')::bigint, at);
      return false;
    end if;
    insert into content (digest, bytes)
      select c->>'digest', c->>'bytes' from json_array_elements(turn->'content') as c on conflict do nothing;
    for part in select value from json_array_elements(turn->'appends') loop
      if not append_entries(part->>'stream', (part->>'expected')::bigint,
                            array(select json_array_elements_text(part->'hashes')),
                            array(select json_array_elements_text(part->'bytes'))) then
        raise exception 'stream % moved', part->>'stream' using errcode = '40001';
      end if;
      if part->>'stream' like 'slot/%' then
        perform open_slot(part->>'stream', split_part(part->>'stream', '/', 2), split_part(part->>'stream', '/', 3),
                          split_part(part->>'stream', '/', 4));
        woken := woken || (part->>'stream');
      else
        woken := woken || array(select id from slot where reads @> array[part->>'stream']);
      end if;
    end loop;
    update slot set state = turn->>'state', folded = (turn->>'folded')::bigint where id = slot_id;
  end if;
  update slot set waits = turn->>'waits', next_check = (turn->>'nextCheck')::bigint where id = slot_id
    and (waits is distinct from turn->>'waits' or next_check is distinct from (turn->>'nextCheck')::bigint);
  if json_typeof(turn->'streams') = 'array' then
    update slot as s set reads = new.reads
      from (select array(select json_array_elements_text(turn->'streams')) as reads) as new
     where s.id = slot_id and s.reads is distinct from new.reads;
  end if;
  if turn->>'samplesUntil' is not null then
    delete from sample where slot = slot_id
      and (t <= (turn->>'samplesUntil')::double precision or promotion is distinct from turn->>'moving');
  end if;
  perform 1 from work where slot = any (woken || slot_id) order by slot, lane for no key update;
  if not exists (select 1 from work where slot = slot_id and lane = 'turn' and token = (turn->>'token')::bigint) then
    raise exception 'the lease on % has gone to another', slot_id using errcode = '40001';
  end if;
  perform wake(array_remove(woken, slot_id), 'turn', at);
  if (turn->>'effects')::boolean then
    perform wake(array[slot_id], 'effect', at);
    perform wake(array[slot_id], 'observe', at + 50);
  elsif (turn->>'active')::boolean then
    perform wake(array[slot_id], 'observe', at + 250);
  end if;
  perform release_lane(slot_id, 'turn', (turn->>'token')::bigint, (turn->>'nextCheck')::bigint);
  return true;
end $$;
