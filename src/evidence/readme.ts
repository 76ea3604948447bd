import type { ReleaseKey } from '../core/model/name.ts';

/** What a person finds in the pack. */
export function readmeOf(key: ReleaseKey, verifierKey: string): string {
  return `Evidence of release ${key.name} of service ${key.service} in project ${key.project}

Check it, offline, with a copy of Belay that you trust:

    belay evidence verify . --key '${verifierKey}'

Compare that key with one that you got from somewhere else than this pack. Without --key the pack is checked
against the key that came with it, and the answer says so.

  manifest.json      every other file by digest, every stream by its last entry, and the checkpoint
  manifest.note      the log's signature over the manifest (C2SP signed note)
  checkpoint         the log's signed size and root (C2SP tlog-checkpoint)
  log.vkey           the log's verifier key
  streams/           the entries, one a line, exactly the bytes that are the leaves of the log's tree (RFC 6962)
  proofs/            the index of each entry in the tree, and the nodes beside them that lead to the root
  content/           bytes that entries name by their SHA-256: batches of samples, test reports
  decisions/         each end of a promotion of this release as a SLSA verification summary, signed (DSSE)

What the check does: signatures, digests, chains, inclusion of every entry, completeness; then it takes every
recorded decision again from what it read, and compares. What no pack can show: that the log holds no further
stream about this release, and what happened after the checkpoint.
`;
}
