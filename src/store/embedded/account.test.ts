import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allows, chooseAccount } from './account.ts';

const PASSWD = `root:x:0:0:root:/root:/bin/bash
postgres:x:101:104:PostgreSQL administrator:/var/lib/postgresql:/bin/bash
nobody:x:65534:65533:nobody:/nonexistent:/usr/sbin/nologin
`;

test('an ordinary user runs the server himself', () => {
  assert.equal(chooseAccount(1000, PASSWD), undefined);
  assert.equal(chooseAccount(undefined, PASSWD), undefined);
});

test('root hands over to postgres, else to nobody, else to the overflow id', () => {
  assert.deepEqual(chooseAccount(0, PASSWD), { uid: 101, gid: 104, name: 'postgres' });
  const without = PASSWD.replace(/^postgres.*\n/m, '');
  assert.deepEqual(chooseAccount(0, without), { uid: 65_534, gid: 65_533, name: 'nobody' });
  assert.deepEqual(chooseAccount(0, ''), { uid: 65_534, gid: 65_534, name: 'nobody' });
});

test('root never chooses an account with the id 0, whatever its name', () => {
  assert.deepEqual(chooseAccount(0, 'postgres:x:0:0::/:/bin/sh\n'), {
    uid: 65_534,
    gid: 65_534,
    name: 'nobody',
  });
});

test('data that is there already decides, unless root owns it', () => {
  assert.deepEqual(chooseAccount(0, PASSWD, { uid: 1000, gid: 1001 }), {
    uid: 1000,
    gid: 1001,
    name: 'uid 1000',
  });
  assert.deepEqual(chooseAccount(0, PASSWD, { uid: 65_534, gid: 7 }), {
    uid: 65_534,
    gid: 7,
    name: 'nobody',
  });
  assert.deepEqual(chooseAccount(0, PASSWD, { uid: 0, gid: 0 }), { uid: 101, gid: 104, name: 'postgres' });
});

test('the first class of permission bits that fits decides alone', () => {
  const account = { uid: 5, gid: 6, name: 'a' };
  assert.equal(allows(account, { uid: 5, gid: 6, mode: 0o077 }, 1), false);
  assert.equal(allows(account, { uid: 1, gid: 6, mode: 0o707 }, 4), false);
  assert.equal(allows(account, { uid: 1, gid: 6, mode: 0o750 }, 5), true);
  assert.equal(allows(account, { uid: 1, gid: 1, mode: 0o711 }, 1), true);
  assert.equal(allows(account, { uid: 1, gid: 1, mode: 0o711 }, 4), false);
});
