import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../../core/model/digest.ts';
import { err, ok } from '../../../core/model/result.ts';
import type { Result } from '../../../core/model/result.ts';
import { ArtifactManifest, MANIFEST_NAME } from '../artifact.ts';
import { getArtifact } from '../content-store.ts';
import { unpackArchive } from '../unpack.ts';

export interface UnpackedArtifact {
  readonly folder: string;
  readonly manifest: ArtifactManifest;
}

/** Artifacts of the content store, each checked against its digest and unpacked once in the life of the agent. */
export class UnpackedArtifacts {
  readonly #store: string;
  readonly #folder: string;
  readonly #known = new Map<Digest, Promise<Result<UnpackedArtifact, string>>>();

  constructor(store: string, folder: string) {
    this.#store = store;
    this.#folder = folder;
  }

  /** The error is a sentence for people. Trying again after an error starts anew. */
  async get(digest: Digest): Promise<Result<UnpackedArtifact, string>> {
    const pending = this.#known.get(digest) ?? this.#unpack(digest);
    this.#known.set(digest, pending);
    const result = await pending;
    if (!result.ok) this.#known.delete(digest);
    return result;
  }

  async #unpack(digest: Digest): Promise<Result<UnpackedArtifact, string>> {
    const bytes = await getArtifact(this.#store, digest);
    if (!bytes.ok) return err(bytes.error.message);
    const final = join(this.#folder, digest.slice('sha256:'.length));
    const growing = `${final}.growing`;
    for (const leftover of [final, growing]) await rm(leftover, { recursive: true, force: true });
    await mkdir(growing, { recursive: true, mode: 0o755 });
    const unpacked = await unpackArchive(bytes.value, growing);
    if (!unpacked.ok) {
      await rm(growing, { recursive: true, force: true });
      return err(`artifact ${digest}: ${unpacked.error.message}`);
    }
    const manifest = await readManifest(growing);
    if (!manifest.ok) return err(`artifact ${digest}: ${manifest.error}`);
    await rename(growing, final);
    return ok({ folder: final, manifest: manifest.value });
  }
}

async function readManifest(folder: string): Promise<Result<ArtifactManifest, string>> {
  try {
    const parsed = ArtifactManifest.safeParse(
      JSON.parse(await readFile(join(folder, MANIFEST_NAME), 'utf8')),
    );
    if (parsed.success) return ok(parsed.data);
    const issue = parsed.error.issues[0];
    return err(`${MANIFEST_NAME}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`);
  } catch (problem) {
    return err(`${MANIFEST_NAME} cannot be read: ${(problem as Error).message}`);
  }
}
