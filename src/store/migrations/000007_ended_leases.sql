-- Gives a lane back. What came due while it was leased stays due. A lease that has ended gives nothing back: what came
-- due since then found the lane due already and left no mark, so that it stays due, once more than may be needed.
create or replace function release_lane(slot_id text, which text, held bigint, next bigint) returns void language sql as $$
  update work set due_at = case when due_at < leased_until or leased_until <= now_ms() then due_at else next end,
                  leased_until = 0
   where slot = slot_id and lane = which and token = held
$$;
