import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Environment } from '../model/documents.ts';
import { lintKubernetes } from './documents-kubernetes.ts';

const lint = (spec: Record<string, unknown>): readonly string[] =>
  lintKubernetes(
    Environment.parse({
      apiVersion: 'belay.dev/v1alpha1',
      kind: 'Environment',
      metadata: { name: 'production', project: 'shop' },
      spec,
    }),
    0,
  ).map(({ severity, rule, path }) => `${severity} ${rule} ${path}`);

const gateway = { configuration: ['http://envoy.gateway:9901'], statistics: ['http://envoy.gateway:8002'] };

test('an environment in Kubernetes says where, and no other does', () => {
  assert.deepEqual(lint({ driver: 'kubernetes', kubernetes: { namespace: 'shop', gateway } }), []);
  assert.deepEqual(lint({ driver: 'local' }), []);
  assert.deepEqual(lint({ driver: 'kubernetes' }), ['error driver-settings /spec/driver']);
  assert.deepEqual(lint({ driver: 'local', kubernetes: { namespace: 'shop' } }), [
    'error driver-settings /spec/kubernetes',
  ]);
});

test('weights that nothing confirms are told', () => {
  assert.deepEqual(lint({ driver: 'kubernetes', kubernetes: { namespace: 'shop' } }), [
    'warning weights-unconfirmed /spec/kubernetes/gateway',
  ]);
});

test('secrets are named as Kubernetes has them', () => {
  const of = (reference: string, version: string) =>
    lint({
      driver: 'kubernetes',
      kubernetes: { namespace: 'shop', gateway },
      secrets: [{ name: 'PASSWORD', reference, version }],
    });
  assert.deepEqual(of('database/url', '3'), []);
  assert.deepEqual(of('file:database', '3'), ['error secret-reference /spec/secrets/0/reference']);
  assert.deepEqual(of('database/url', 'v 3'), ['error secret-reference /spec/secrets/0/reference']);
});

test('addresses hold no user, query or fragment', () => {
  const parses = (address: string): boolean =>
    Environment.shape.spec.safeParse({
      driver: 'kubernetes',
      kubernetes: { namespace: 'shop', gateway: { statistics: [address] } },
    }).success;
  assert.equal(parses('http://[::1]:8002'), true);
  assert.equal(parses('https://envoy.gateway.svc:8002/envoy'), true);
  for (const address of [
    'http://ada:pw@envoy',
    'http://envoy?x',
    'http://envoy#x',
    'file:///etc/passwd',
    'envoy:80',
  ])
    assert.equal(parses(address), false, address);
});
