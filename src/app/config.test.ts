import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from './config.ts';

const least = { BELAY_DATABASE_URL: 'postgres://belay', BELAY_DATA: '/data', BELAY_AGENTS: '/agents' };

test('what is not given has its default', () => {
  const config = readConfig(least);
  assert.equal(config.host, '127.0.0.1');
  assert.equal(config.port, 7420);
  assert.equal(config.adoptLedger, false);
});

test('what is wrong is named by its variable, and its value is not repeated', () => {
  assert.throws(
    () => readConfig({ ...least, BELAY_PORT: 'secret-port' }),
    (error: Error) => {
      assert.match(error.message, /BELAY_PORT/);
      assert.doesNotMatch(error.message, /secret-port/);
      return true;
    },
  );
  assert.throws(() => readConfig({ BELAY_DATA: '/data', BELAY_AGENTS: '/agents' }), /BELAY_DATABASE_URL/);
});

test('the server’s own things are in one folder, or in a Secret and a ConfigMap', () => {
  const { BELAY_DATA: _, ...bare } = least;
  const cluster = { BELAY_LOG_KEY_FILE: '/key', BELAY_CHECKPOINT_CONFIG_MAP: 'belay/belay-log' };
  assert.equal(readConfig({ ...bare, ...cluster }).logKeyFile, '/key');
  assert.throws(() => readConfig(bare), /BELAY_DATA, or BELAY_LOG_KEY_FILE and BELAY_CHECKPOINT_CONFIG_MAP/);
  assert.throws(() => readConfig({ ...least, ...cluster }), /give either BELAY_DATA/);
  assert.throws(() => readConfig({ ...bare, BELAY_LOG_KEY_FILE: '/key' }), /BELAY_CHECKPOINT_CONFIG_MAP/);
  assert.throws(
    () => readConfig({ ...bare, ...cluster, BELAY_CHECKPOINT_CONFIG_MAP: 'belay' }),
    /expected NAMESPACE\/NAME/,
  );
});

test('half of a pair is refused', () => {
  assert.throws(
    () => readConfig({ ...least, BELAY_WEBHOOK_URL: 'https://example.com/hook' }),
    /BELAY_WEBHOOK_SECRET_FILE/,
  );
  assert.throws(() => readConfig({ ...least, BELAY_TLS_KEY_FILE: '/key.pem' }), /BELAY_TLS_CERT_FILE/);
});
