import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ShopArtifact } from '../../../../examples/shop/build.ts';
import { Digest } from '../../../core/model/digest.ts';
import { digestOf } from '../../../drivers/local/archive.ts';
import { dockerCredentials } from '../../../drivers/oci/docker-credentials.ts';
import { writeManifest } from '../../../drivers/oci/image-layout.ts';
import { addArchive, type Layer, writeLayer } from '../../../drivers/oci/layer.ts';
import { nodeFiles, nodePath } from '../../../drivers/oci/node-image.ts';
import { RemoteRepository } from '../../../drivers/oci/push.ts';
import { CliFailure } from '../../../cli/failure.ts';
import type { Delivery } from '../stack.ts';
import { bundleOf } from './bundle.ts';
import { writeDatabaseImage } from './database-image.ts';
import type { ImagePlace } from './registry.ts';

/**
 * The demo's images: made here without Docker, from this machine's own Node, and pushed. All share the layer with Node,
 * so that nodes fetch it once. Their labels make them this demo's own: they can be taken away without harm to another.
 */
export class ShopImages {
  readonly #layout: string;
  readonly #place: ImagePlace;
  readonly #remote: RemoteRepository;
  readonly #node: Layer;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #signal: AbortSignal;
  readonly #pushed: string[] = [];

  private constructor(parts: {
    layout: string;
    place: ImagePlace;
    remote: RemoteRepository;
    node: Layer;
    id: string;
    signal: AbortSignal;
  }) {
    this.#layout = parts.layout;
    this.#place = parts.place;
    this.#remote = parts.remote;
    this.#node = parts.node;
    this.#labels = { 'belay.dev/demo': parts.id };
    this.#signal = parts.signal;
  }

  static async prepare(
    folder: string,
    place: ImagePlace,
    id: string,
    signal: AbortSignal,
  ): Promise<ShopImages> {
    const credentials = await dockerCredentials(place.repository.host, process.env);
    if (!credentials.ok)
      throw new CliFailure('error', credentials.error, [
        `docker login ${place.repository.host}   writes it anew`,
      ]);
    const layout = join(folder, 'images');
    await mkdir(layout, { recursive: true });
    const node = await writeLayer(layout, await nodeFiles(), 'gzip');
    const remote = new RemoteRepository(place.repository, credentials.value);
    return new ShopImages({ layout, place, remote, node, id, signal });
  }

  /** Builds and pushes the shop's database; the reference for a pod. */
  async database(): Promise<string> {
    const digest = await writeDatabaseImage(this.#layout, this.#node, this.#labels, this.#signal);
    await this.#push(digest);
    return this.#reference(digest);
  }

  /** Pushes a version as an image whose uppermost layer is the very archive that was built. */
  async deliver(built: ShopArtifact): Promise<Delivery> {
    const layers = [this.#node, await addArchive(this.#layout, built.bytes)];
    const settings = {
      entrypoint: [nodePath, '--max-semi-space-size=2', '/server.js'],
      labels: this.#labels,
    };
    const { digest } = await writeManifest(this.#layout, layers, settings);
    await this.#push(digest);
    const bytes = Buffer.from(await bundleOf(this.#reference(digest)));
    const bundle = digestOf(bytes);
    return {
      artifact: { name: this.#place.nodesName, digest: Digest.parse(digest), kind: 'image' },
      upload: { digest: bundle, bytes },
      bundle,
    };
  }

  /** Takes away what was pushed; null, or why the registry does not let it go. */
  async removeAll(): Promise<string | null> {
    for (const digest of this.#pushed) {
      const removed = await this.#remote.remove(digest, new AbortController().signal);
      if (!removed.ok) return removed.error;
    }
    return null;
  }

  #reference(digest: string): string {
    return `${this.#place.nodesName}@${digest}`;
  }

  async #push(digest: string): Promise<void> {
    this.#pushed.push(digest);
    const pushed = await this.#remote.push(this.#layout, digest, this.#signal);
    if (!pushed.ok)
      throw new CliFailure('error', pushed.error, [
        'name a registry that you may push to: --registry HOST/PATH',
      ]);
  }
}
