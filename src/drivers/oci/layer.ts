import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip, gunzipSync } from 'node:zlib';
import { pack, type Pack } from 'tar-stream';

/** A file of an image, or a folder that has to be there though it is empty: its path without a leading slash. */
export interface ImageFile {
  readonly path: string;
  readonly content: Buffer | { readonly file: string } | 'folder';
  readonly mode?: number;
}

/** What a manifest says of a blob, as the image specification has it. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

/** A layer in a layout: its blob, and the digest of the tar in it, compressed or not. */
export interface Layer {
  readonly descriptor: Descriptor;
  readonly diffId: string;
}

export const blobFile = (layout: string, digest: string): string =>
  join(layout, 'blobs', digest.replace(':', '/'));

const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** Writes a small blob. */
export async function writeBlob(layout: string, mediaType: string, bytes: Uint8Array): Promise<Descriptor> {
  const digest = sha256(bytes);
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  await writeFile(blobFile(layout, digest), bytes);
  return { mediaType, digest, size: bytes.byteLength };
}

/** Lets bytes through and says of them, at their end, how many they were and their digest. */
function measured(): { readonly stream: Transform; readonly said: () => { digest: string; size: number } } {
  const hash = createHash('sha256');
  let size = 0;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  return { stream, said: () => ({ digest: `sha256:${hash.digest('hex')}`, size }) };
}

/** Writes files as a layer. Compressed it takes longer to make and less to send: for registries that are far away. */
export async function writeLayer(
  layout: string,
  files: readonly ImageFile[],
  compression: 'none' | 'gzip' = 'none',
): Promise<Layer> {
  const unnamed = join(layout, `layer-${randomUUID()}`);
  await mkdir(join(layout, 'blobs/sha256'), { recursive: true });
  const archive = pack();
  const [tar, blob] = [measured(), measured()];
  const between = compression === 'gzip' ? createGzip({ level: 1 }) : new PassThrough();
  const written = pipeline(archive, tar.stream, between, blob.stream, createWriteStream(unnamed));
  await Promise.all([fill(archive, files), written]);
  const { digest, size } = blob.said();
  await rename(unnamed, blobFile(layout, digest));
  const suffix = compression === 'gzip' ? '+gzip' : '';
  const mediaType = `application/vnd.oci.image.layer.v1.tar${suffix}`;
  return { descriptor: { mediaType, digest, size }, diffId: tar.said().digest };
}

async function fill(archive: Pack, files: readonly ImageFile[]): Promise<void> {
  for (const { path, content, mode } of files) {
    const header = { name: path, mode: mode ?? (content === 'folder' ? 0o755 : 0o644), mtime: new Date(0) };
    if (content === 'folder') {
      archive.entry({ ...header, type: 'directory' });
    } else if (Buffer.isBuffer(content)) {
      archive.entry(header, content);
    } else {
      const entry = archive.entry({ ...header, size: (await stat(content.file)).size });
      await pipeline(createReadStream(content.file), entry);
    }
  }
  archive.finalize();
}

/** Takes a gzipped tar for a layer as it stands: the layer's digest is the archive's. */
export async function addArchive(layout: string, archive: Uint8Array): Promise<Layer> {
  const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
  const descriptor = await writeBlob(layout, mediaType, archive);
  return { descriptor, diffId: sha256(gunzipSync(archive)) };
}
