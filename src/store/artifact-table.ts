import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { Pool } from 'pg';
import { err, ok } from '../core/model/result.ts';
import { type ArtifactStore, otherDigest, tooLarge } from '../ports/artifacts.ts';

/** Manifest bundles are far smaller; archives of `local` environments belong in a folder. */
const mostBytes = 4_000_000;

/** Artifacts in the database, for replicas that share no folder. */
export function artifactTable(pool: Pool): ArtifactStore {
  return {
    mostBytes,
    size: async (digest) => {
      const { rows } = await pool.query<{ bytes: number }>({
        name: 'artifact-size',
        text: 'select octet_length(content) as bytes from artifact where digest = $1',
        values: [digest],
      });
      return rows[0]?.bytes ?? null;
    },
    read: async (digest) => {
      const { rows } = await pool.query<{ content: Buffer }>({
        name: 'read-artifact',
        text: 'select content from artifact where digest = $1',
        values: [digest],
      });
      const content = rows[0]?.content;
      return content === undefined ? null : { bytes: content.byteLength, content: Readable.from([content]) };
    },
    store: async (digest, body) => {
      const chunks: Uint8Array[] = [];
      let bytes = 0;
      for await (const chunk of body) {
        bytes += chunk.byteLength;
        if (bytes > mostBytes) return err(tooLarge(mostBytes));
        chunks.push(chunk);
      }
      const content = Buffer.concat(chunks);
      const found = `sha256:${createHash('sha256').update(content).digest('hex')}` as const;
      if (found !== digest) return err(otherDigest(found, digest));
      const { rowCount } = await pool.query({
        name: 'store-artifact',
        text: 'insert into artifact (digest, content) values ($1, $2) on conflict do nothing',
        values: [digest, content],
      });
      return ok({ bytes, created: rowCount === 1 });
    },
  };
}
