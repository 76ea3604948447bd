import { hash, randomFillSync } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  leafHasher,
  rootOf,
  verifyInclusion,
  type InclusionClaim,
  type Sha256,
} from '../src/core/ledger/merkle.ts';
import {
  appendAll,
  emptyFrontier,
  inclusionProof,
  nodeKey,
  rootFromFrontier,
} from '../src/core/ledger/tree.ts';
import { sha256, signerOf, verifyEd25519 } from '../test/ledger-crypto.ts';

/**
 * How fast the ledger's mathematics is, and how much of its time is SHA-256 itself: the same bytes are hashed once
 * more without the tree, in the same run. Prints a table and then one line of JSON.
 */
const { values } = parseArgs({
  options: {
    entries: { type: 'string', default: '100000' },
    bytes: { type: 'string', default: '400' },
    rounds: { type: 'string', default: '5' },
  },
});
const entryCount = Number(values.entries);
const entryBytes = Number(values.bytes);
const rounds = Number(values.rounds);

const entries = Array.from({ length: entryCount }, () => randomFillSync(new Uint8Array(entryBytes)));
const rootOfEntries = (hash: Sha256): Uint8Array => rootOf(hash, entries.map(leafHasher(hash)));
/** The limit: the fastest that Node's SHA-256 gives its answer in any form. */
const pureSha256 = (bytes: Uint8Array): string => hash('sha256', bytes, 'binary');

/** The median of the seconds that each round took; one round before is not counted. */
function seconds(run: () => void): number {
  run();
  const times = Array.from({ length: rounds }, () => {
    const start = process.hrtime.bigint();
    run();
    return Number(process.hrtime.bigint() - start) / 1e9;
  });
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}

const inputs: Uint8Array[] = [];
const root = rootOfEntries((bytes) => {
  inputs.push(Uint8Array.from(bytes));
  return sha256(bytes);
});
const rootSeconds = seconds(() => rootOfEntries(sha256));
const pureSeconds = seconds(() => {
  for (const input of inputs) pureSha256(input);
});

const leaves = entries.map(leafHasher(sha256));
const appendSeconds = seconds(() => appendAll(sha256, emptyFrontier, leaves));
const { nodes, frontier } = appendAll(sha256, emptyFrontier, leaves);
if (!Buffer.from(root).equals(rootFromFrontier(sha256, frontier))) throw new Error('two ways, two roots');

const stored = new Map(nodes.map((node) => [nodeKey(node), node.hash]));
const proofCount = Math.min(entryCount, 10_000);
const claims = (): InclusionClaim[] =>
  Array.from({ length: proofCount }, (_, i) => {
    const index = Math.floor((i * entryCount) / proofCount);
    const proof = inclusionProof(sha256, index, entryCount, (node) => stored.get(nodeKey(node)));
    if (!proof.ok) throw new Error(proof.error.message);
    return { index, size: entryCount, leafHash: leaves[index] ?? root, root, proof: proof.value };
  });
const prepared = claims();
const makeSeconds = seconds(() => claims());
const verifySeconds = seconds(() => {
  for (const claim of prepared)
    if (!verifyInclusion(sha256, claim).ok) throw new Error('a proof does not verify');
});
const proofHashes = prepared.reduce((sum, claim) => sum + claim.proof.length, 0);
const proofInput = randomFillSync(new Uint8Array(65));
const proofPureSeconds = seconds(() => {
  for (let i = 0; i < proofHashes; i++) pureSha256(proofInput);
});

const signer = signerOf('bench.example', new Uint8Array(32).fill(1));
const message = new Uint8Array(120);
const signature = signer.sign(message);
const signatureCount = 500;
const signatureSeconds = seconds(() => {
  for (let i = 0; i < signatureCount; i++) verifyEd25519(signer.key.publicKey, message, signature);
});

const result = {
  benchmark: 'merkle',
  node: process.version,
  platform: `${process.platform}-${process.arch}`,
  entries: entryCount,
  entryBytes,
  rounds,
  rootEntriesPerSecond: Math.round(entryCount / rootSeconds),
  rootShareSha256: Number((pureSeconds / rootSeconds).toFixed(3)),
  pureSha256EntriesPerSecond: Math.round(entryCount / pureSeconds),
  appendLeavesPerSecond: Math.round(entryCount / appendSeconds),
  proofHashes: Number((proofHashes / proofCount).toFixed(2)),
  inclusionProofsMadePerSecond: Math.round(proofCount / makeSeconds),
  inclusionProofsVerifiedPerSecond: Math.round(proofCount / verifySeconds),
  verifyShareSha256: Number((proofPureSeconds / verifySeconds).toFixed(3)),
  signaturesVerifiedPerSecond: Math.round(signatureCount / signatureSeconds),
};

const row = (what: string, perSecond: number, share?: number): string =>
  `${what.padEnd(48)}${perSecond.toLocaleString('en-US').padStart(12)}${(share === undefined ? '' : `${Math.round(share * 100)} %`).padStart(12)}`;
console.log(
  `${entryCount} entries of ${entryBytes} bytes, median of ${rounds} rounds, Node ${process.version}\n`,
);
console.log(`${''.padEnd(48)}${'per second'.padStart(12)}${'SHA-256'.padStart(12)}`);
console.log(row('entries: leaf hash and root', result.rootEntriesPerSecond, result.rootShareSha256));
console.log(row('  limit: SHA-256 of the same bytes, no tree', result.pureSha256EntriesPerSecond));
console.log(row('leaves appended to a growing tree', result.appendLeavesPerSecond));
console.log(row('inclusion proofs made, nodes in memory', result.inclusionProofsMadePerSecond));
console.log(
  row(
    `inclusion proofs verified (${result.proofHashes} hashes)`,
    result.inclusionProofsVerifiedPerSecond,
    result.verifyShareSha256,
  ),
);
console.log(row('Ed25519 signatures verified, apart', result.signaturesVerifiedPerSecond));
console.log(`\n${JSON.stringify(result)}`);
