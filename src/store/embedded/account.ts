import { accessSync, constants, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A system account that a child process is started as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly name: string;
}

export interface Ownership {
  readonly uid: number;
  readonly gid: number;
  readonly mode: number;
}

/** The number that systems without an entry for `nobody` use for it as well. */
const OVERFLOW_ID = 65_534;

/**
 * The account that runs the server: undefined means ourselves. PostgreSQL refuses to run as root, so root hands over to
 * the owner of the data that is already there, else to `postgres`, else to `nobody`; no account is ever created.
 * `passwd` is the text of /etc/passwd.
 */
export function chooseAccount(
  currentUid: number | undefined,
  passwd: string,
  dataOwner?: { readonly uid: number; readonly gid: number },
): Account | undefined {
  if (currentUid !== 0) return undefined;
  if (dataOwner !== undefined && dataOwner.uid !== 0) {
    return {
      ...dataOwner,
      name: accountNamed(passwd, (entry) => entry.uid === dataOwner.uid)?.name ?? `uid ${dataOwner.uid}`,
    };
  }
  return (
    accountNamed(passwd, (entry) => entry.name === 'postgres') ??
    accountNamed(passwd, (entry) => entry.name === 'nobody') ?? {
      uid: OVERFLOW_ID,
      gid: OVERFLOW_ID,
      name: 'nobody',
    }
  );
}

function accountNamed(passwd: string, wanted: (entry: Account) => boolean): Account | undefined {
  for (const line of passwd.split('\n')) {
    const [name, , uid, gid] = line.split(':');
    if (name === undefined || uid === undefined || gid === undefined) continue;
    const entry = { name, uid: Number(uid), gid: Number(gid) };
    if (entry.uid > 0 && Number.isInteger(entry.uid) && Number.isInteger(entry.gid) && wanted(entry))
      return entry;
  }
  return undefined;
}

/** The text of the account database, empty where there is none. */
export function readPasswd(): string {
  try {
    return readFileSync('/etc/passwd', 'utf8');
  } catch {
    return ''; // a minimal container has none: the overflow ids serve
  }
}

/** Whether the permission bits let `account`, without supplementary groups, have `wanted` (4 read, 2 write, 1 enter). */
export function allows(account: Account, owned: Ownership, wanted: number): boolean {
  let bits = owned.mode & 7;
  if (owned.uid === account.uid) bits = (owned.mode >> 6) & 7;
  else if (owned.gid === account.gid) bits = (owned.mode >> 3) & 7;
  return (bits & wanted) === wanted;
}

/** Whether `account` (undefined: ourselves) can get at `path` with `wanted` rights: every folder above must let it in. */
export function canReach(account: Account | undefined, path: string, wanted: number): boolean {
  try {
    if (account === undefined) {
      accessSync(path, wanted); // the bits of access(2) are the permission bits
      return true;
    }
    const real = realpathSync(path);
    if (!allows(account, statSync(real), wanted)) return false;
    for (let folder = dirname(real); ; folder = dirname(folder)) {
      if (!allows(account, statSync(folder), constants.X_OK)) return false;
      if (folder === dirname(folder)) return true;
    }
  } catch {
    return false; // what we cannot even look at, it cannot reach either
  }
}
