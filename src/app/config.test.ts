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

test('half of a pair is refused', () => {
  assert.throws(
    () => readConfig({ ...least, BELAY_WEBHOOK_URL: 'https://example.com/hook' }),
    /BELAY_WEBHOOK_SECRET_FILE/,
  );
  assert.throws(() => readConfig({ ...least, BELAY_TLS_KEY_FILE: '/key.pem' }), /BELAY_TLS_CERT_FILE/);
});
