import { readFile } from 'node:fs/promises';
import { z } from 'zod';

/** A process that no other can be taken for: process ids come again, the moment of a start does not. */
export const Identity = z.object({
  pid: z.number().int().positive(),
  /** In clock ticks since the machine started: field 22 of /proc/PID/stat, see proc_pid_stat(5). */
  started: z.string(),
});
export type Identity = z.infer<typeof Identity>;

/** The state and the moment of start of a process; undefined if there is none, or only its remains. */
export async function identify(pid: number): Promise<Identity | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const state = fields?.[0];
  const started = fields?.[19];
  return started === undefined || state === 'Z' || state === 'X' ? undefined : { pid, started };
}

export async function isAlive(process: Identity): Promise<boolean> {
  return (await identify(process.pid))?.started === process.started;
}

/** The only child of a process that starts just one. */
export async function childOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const first = text.trim().split(' ')[0] ?? '';
  return first === '' ? undefined : Number(first);
}
