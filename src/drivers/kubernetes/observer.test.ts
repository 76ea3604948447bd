import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { workloadsIn } from './observer.ts';

const artifact = `sha256:${'a'.repeat(64)}`;
const other = `sha256:${'b'.repeat(64)}`;

const head = (name: string, more: object = {}) => ({
  name,
  labels: { 'belay.dev/release': 'v2' },
  annotations: { 'belay.dev/artifact': artifact },
  ...more,
});

const deployment = (replicas: number, more: object = {}) => ({
  metadata: head('d', more),
  spec: { replicas },
});

const pod = (
  ready: boolean,
  changes: { readonly metadata?: object; readonly image?: string; readonly phase?: string } = {},
) => ({
  metadata: head('p', changes.metadata),
  status: {
    phase: changes.phase ?? 'Running',
    conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }],
    containerStatuses: [
      { imageID: `registry/proxy@${other}` },
      { imageID: changes.image ?? `registry/shop@${artifact}` },
    ],
  },
});

const leaving = { deletionTimestamp: '2026-01-01T00:00:00Z' };

describe('what runs', () => {
  it('is as many as are ready, of the artifact that the kubelet names', () => {
    assert.deepEqual(
      workloadsIn([deployment(3)], [pod(true), pod(false), pod(true, { metadata: leaving })]),
      [{ release: 'v2', artifact, desired: 3, ready: 1, open: null }],
    );
  });

  it('is told as something else when a ready pod runs something else', () => {
    const strange = `sha256:${'c'.repeat(64)}`;
    const seen = workloadsIn([deployment(1)], [pod(true), pod(true, { image: `registry/shop@${strange}` })]);
    assert.equal(seen[0]?.artifact, other);
    assert.equal(
      workloadsIn([deployment(1)], [pod(false, { image: `x@${strange}` })])[0]?.artifact,
      artifact,
    );
  });

  it('is there until the last pod has ended, and no capacity from when it was told to go', () => {
    assert.deepEqual(workloadsIn([deployment(2, leaving)], [pod(true)]), [
      { release: 'v2', artifact, desired: 0, ready: 0, open: null },
    ]);
    assert.deepEqual(workloadsIn([], [pod(true, { metadata: leaving })]), [
      { release: 'v2', artifact, desired: 0, ready: 0, open: null },
    ]);
    assert.deepEqual(workloadsIn([], [pod(false, { phase: 'Failed' })]), []);
  });

  it('leaves alone what carries no release', () => {
    assert.deepEqual(workloadsIn([], [{ metadata: { name: 'stranger' } }]), []);
  });
});
