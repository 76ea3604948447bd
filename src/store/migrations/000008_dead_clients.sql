-- A server whose machine is gone says nothing. Its connections are given up after 25 seconds of silence, and with them
-- the sequencer's lock that one of them may hold: by the system's own settings nobody else would get it for two hours.
alter role belay_server set tcp_keepalives_idle = '10';
alter role belay_server set tcp_keepalives_interval = '5';
alter role belay_server set tcp_keepalives_count = '3';
