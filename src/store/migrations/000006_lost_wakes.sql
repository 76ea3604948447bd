-- Two ways in which a turn could miss a fact that was committed beside it, and then sleep until its next check.

-- Makes lanes due. A lane that is due already is locked like the others: whoever claimed it before the fact is
-- committed would not see the fact, and give the lane back as done. Rows are locked in the order of their slots, so
-- that two wakers never wait for each other.
create or replace function wake(slots text[], which text, at bigint) returns void language sql as $$
  select 1 from work where slot = any (slots) and lane = which order by slot for no key update;
  update work set due_at = at where slot = any (slots) and lane = which and (due_at is null or due_at > at)
$$;

-- Before a turn changes which streams its slot reads: a fact that is being written to one of them does not know yet
-- that this slot is to be woken. Waits for it, so that the turn's comparison of heads finds it; facts that come after
-- wait for the turn, and wake the slot.
create function hold_streams(slot_id text, streams text[]) returns void language plpgsql as $$
begin
  if exists (select 1 from slot where id = slot_id and reads @> streams) then return; end if;
  insert into stream (id, head_hash) select s, '' from unnest(streams) as s on conflict do nothing;
  perform 1 from stream where id = any (streams) order by id collate "C" for share;
end $$;
