import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdir, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { pack } from 'tar-stream';

/** A file of an image: its path without a leading slash, and where its bytes are. */
export interface ImageFile {
  readonly path: string;
  readonly content: Buffer | { readonly file: string };
  readonly mode?: number;
}

/** Layers from the lowest up, and how a container starts. */
export interface Image {
  readonly layers: readonly (readonly ImageFile[])[];
  readonly entrypoint: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** UID:GID; nobody's by default. */
  readonly user?: string;
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

async function writeBlob(folder: string, mediaType: string, text: string): Promise<Descriptor> {
  const hex = createHash('sha256').update(text).digest('hex');
  await writeFile(join(folder, 'blobs/sha256', hex), text);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(text) };
}

/** A layer as a plain tar: it goes over a link within the machine, where compressing costs more than it saves. */
async function writeLayer(folder: string, files: readonly ImageFile[]): Promise<Descriptor> {
  const unnamed = join(folder, 'blobs/sha256', `.layer-${process.pid}`);
  const archive = pack();
  const hash = createHash('sha256');
  let size = 0;
  const hashed = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      size += chunk.length;
      done(null, chunk);
    },
  });
  const written = pipeline(archive, hashed, createWriteStream(unnamed));
  const fill = async (): Promise<void> => {
    for (const { path, content, mode = 0o644 } of files) {
      const header = { name: path, mode, mtime: new Date(0) };
      if (Buffer.isBuffer(content)) {
        archive.entry(header, content);
      } else {
        const entry = archive.entry({ ...header, size: (await stat(content.file)).size });
        await pipeline(createReadStream(content.file), entry);
      }
    }
    archive.finalize();
  };
  await Promise.all([fill(), written]);
  const hex = hash.digest('hex');
  await rename(unnamed, join(folder, 'blobs/sha256', hex));
  return { mediaType: 'application/vnd.oci.image.layer.v1.tar', digest: `sha256:${hex}`, size };
}

/** Writes an image as an OCI image layout, https://github.com/opencontainers/image-spec, into a new folder. */
export async function writeImage(folder: string, image: Image): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  const layers: Descriptor[] = [];
  for (const files of image.layers) layers.push(await writeLayer(folder, files));
  const config = await writeBlob(
    folder,
    'application/vnd.oci.image.config.v1+json',
    JSON.stringify({
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      os: 'linux',
      config: {
        User: image.user ?? '65532:65532',
        Env: Object.entries(image.environment ?? {}).map(([name, value]) => `${name}=${value}`),
        Entrypoint: image.entrypoint,
        WorkingDir: '/',
      },
      rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
    }),
  );
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const manifest = await writeBlob(
    folder,
    mediaType,
    JSON.stringify({ schemaVersion: 2, mediaType, config, layers }),
  );
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}
