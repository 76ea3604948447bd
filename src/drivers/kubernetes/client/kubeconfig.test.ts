import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { Connection } from './connection.ts';
import { connectionOf, kubeconfigFiles } from './kubeconfig.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'belay-kubeconfig-'));
});
after(() => rm(folder, { recursive: true }));

const base64 = (text: string): string => Buffer.from(text).toString('base64');

async function kubeconfig(name: string, user: string, cluster = ''): Promise<string> {
  const file = join(folder, name);
  await writeFile(
    file,
    `apiVersion: v1
kind: Config
current-context: main
preferences: {}
contexts:
  - {name: main, context: {cluster: one, user: me, namespace: ignored}}
clusters:
  - name: one
    cluster: {server: 'https://10.0.0.1:6443/', certificate-authority-data: ${base64('CA')}${cluster}}
users:
  - name: me
    user: ${user}
`,
  );
  return file;
}

async function connected(file: string, context: string | null = null, now = () => 0): Promise<Connection> {
  const connection = await connectionOf([file], context, now);
  assert.ok(connection.ok, connection.ok ? '' : connection.error);
  return connection.value;
}

async function refusal(files: readonly string[], context: string | null = null): Promise<string> {
  const connection = await connectionOf(files, context, () => 0);
  assert.ok(!connection.ok, 'it was taken');
  return connection.error;
}

describe('kubeconfig', () => {
  it('takes a client certificate from data and from files beside it', async () => {
    await writeFile(join(folder, 'me.key'), 'KEY');
    const file = await kubeconfig('cert', `{client-certificate-data: ${base64('CERT')}, client-key: me.key}`);
    const connection = await connected(file);
    assert.deepEqual(
      [connection.server, connection.ca, connection.insecure],
      ['https://10.0.0.1:6443', 'CA', false],
    );
    assert.deepEqual(await connection.credentials(), {
      ok: true,
      value: { token: null, certificate: { cert: 'CERT', key: 'KEY' } },
    });
  });

  it('reads a token file again after a minute, and at once when the token was refused', async () => {
    const file = await kubeconfig('token-file', '{tokenFile: token}');
    let now = 0;
    const connection = await connected(file, 'main', () => now);
    const token = async (): Promise<unknown> => {
      const read = await connection.credentials();
      return read.ok ? read.value.token : read.error;
    };
    await writeFile(join(folder, 'token'), 'first\n');
    assert.equal(await token(), 'first');
    await writeFile(join(folder, 'token'), 'second\n');
    assert.equal(await token(), 'first');
    connection.refused();
    assert.equal(await token(), 'second');
    await writeFile(join(folder, 'token'), 'third\n');
    now = 60_000;
    assert.equal(await token(), 'third');
  });

  it('runs an exec plugin once until its credential ends, and never shows what it printed', async () => {
    const plugin = join(folder, 'plugin.sh');
    await writeFile(
      plugin,
      `#!/bin/sh
echo run >> ${join(folder, 'runs')}
n=$(wc -l < ${join(folder, 'runs')} | tr -d ' ')
case "$KUBERNETES_EXEC_INFO" in *'"interactive":false'*) ;; *) exit 3 ;; esac
[ "$1" = broken ] && echo secret-token && exit 0
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t'$n'","expirationTimestamp":"1970-01-01T00:10:00Z"}}'
`,
    );
    await chmod(plugin, 0o755);
    const exec = (args: string): string =>
      `{exec: {apiVersion: client.authentication.k8s.io/v1, command: ${plugin}, args: [${args}], interactiveMode: Never}}`;
    let now = 0;
    const connection = await connected(await kubeconfig('exec', exec('fine')), null, () => now);
    const token = async (): Promise<unknown> => {
      const got = await connection.credentials();
      return got.ok ? got.value.token : got.error;
    };
    assert.equal(await token(), 't1');
    assert.equal(await token(), 't1');
    now = 571_000;
    assert.equal(await token(), 't2');
    const broken = await (await connected(await kubeconfig('exec-broken', exec('broken')))).credentials();
    assert.ok(!broken.ok);
    assert.match(broken.error, /printed no ExecCredential/);
    assert.doesNotMatch(broken.error, /secret-token/);
  });

  it('says what is missing or not supported, and shows no value', async () => {
    const password = await kubeconfig('password', '{username: ada, password: hunter2}');
    assert.match(await refusal([password]), /user name and password, which is not supported/);
    assert.doesNotMatch(await refusal([password]), /hunter2/);
    assert.match(await refusal([await kubeconfig('as', '{token: t, as: admin}')]), /impersonates/);
    assert.match(
      await refusal([await kubeconfig('proxy', '{token: t}', ', proxy-url: "http://p"')]),
      /wants a proxy/,
    );
    assert.match(await refusal([password], 'other'), /there is no context other in .*; there is main/);
    assert.match(await refusal([join(folder, 'nowhere')]), /cannot be read/);
    await writeFile(join(folder, 'half'), 'users: [{name: me, user: {token: s3cret');
    assert.match(await refusal([join(folder, 'half')]), /it is no YAML$/);
    assert.match(
      await refusal([await kubeconfig('half-cert', `{client-certificate-data: ${base64('CERT')}}`)]),
      /a client certificate or its key, and not both/,
    );
  });

  it('lets the first of several files win, and finds them as kubectl does', async () => {
    const first = await kubeconfig('first', '{token: first}');
    const second = await kubeconfig('second', '{token: second}');
    const connection = await connectionOf([first, second], null, () => 0);
    assert.ok(connection.ok);
    assert.deepEqual(await connection.value.credentials(), {
      ok: true,
      value: { token: 'first', certificate: null },
    });
    assert.deepEqual(kubeconfigFiles({ KUBECONFIG: 'a:b' }), ['a', 'b']);
    assert.match(kubeconfigFiles({})[0] ?? '', /\.kube\/config$/);
  });
});
