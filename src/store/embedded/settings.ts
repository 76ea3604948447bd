/** Server parameters by name. */
export type Settings = Readonly<Record<string, string>>;

/** What tells later starts who started a server, see `inspectHolder`. */
export const OWNER_SETTING = 'belay.owner';

/** Parameters for one machine that has other things to do; durability stays on. */
export function defaultSettings(major: number): Settings {
  return {
    shared_buffers: '32MB',
    max_connections: '60',
    max_wal_size: '256MB',
    wal_level: 'minimal',
    max_wal_senders: '0',
    max_worker_processes: '4',
    max_parallel_workers_per_gather: '0',
    jit: 'off',
    huge_pages: 'off',
    log_checkpoints: 'off',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // From 18 on the default is three more processes, which only pay with slow disks.
    ...(major >= 18 ? { io_method: 'sync' } : {}),
  };
}

/** For data that is thrown away anyhow: nothing waits for the disk. A crash of the machine destroys it. */
export const throwawaySettings: Settings = {
  fsync: 'off',
  synchronous_commit: 'off',
  full_page_writes: 'off',
};

/** As arguments of the server program. */
export function settingArguments(settings: Settings): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}
