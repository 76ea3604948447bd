-- The role that servers run as: it adds to the ledger and can neither change nor remove what is in it.
do $$ begin
  if not exists (select 1 from pg_roles where rolname = 'belay_server') then
    create role belay_server login;
  end if;
end $$;

do $$ begin
  execute format('grant connect on database %I to belay_server', current_database());
end $$;
grant usage on schema public to belay_server;
grant select on schema_migration to belay_server;
grant select, insert on entry, leaf, node, checkpoint, content to belay_server;
grant select, insert, update on stream, slot, work, token, release, notification to belay_server;
grant select, insert, delete on unsequenced, sample, idempotency to belay_server;
grant delete on slot, work, notification to belay_server;
grant usage on all sequences in schema public to belay_server;
alter role belay_server set statement_timeout = '10s';
alter role belay_server set idle_in_transaction_session_timeout = '10s';
alter role belay_server set lock_timeout = '5s';
