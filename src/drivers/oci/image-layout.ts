import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Descriptor, type ImageFile, type Layer, writeBlob, writeLayer } from './layer.ts';

/** How a container of an image starts. */
export interface ImageSettings {
  readonly entrypoint: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  /** UID:GID; nobody's by default. */
  readonly user?: string;
}

/** Layers from the lowest up, and how a container starts. */
export interface Image extends ImageSettings {
  readonly layers: readonly (readonly ImageFile[])[];
}

/** The architecture of images that are made of programs of this machine, as images and nodes name it. */
export const imageArchitecture = process.arch === 'x64' ? 'amd64' : process.arch;

const writeJson = (layout: string, mediaType: string, value: unknown): Promise<Descriptor> =>
  writeBlob(layout, mediaType, Buffer.from(JSON.stringify(value)));

/** Writes the manifest of an image whose layers, from the lowest up, are in the layout. */
export async function writeManifest(
  layout: string,
  layers: readonly Layer[],
  settings: ImageSettings,
): Promise<Descriptor> {
  const config = await writeJson(layout, 'application/vnd.oci.image.config.v1+json', {
    architecture: imageArchitecture,
    os: 'linux',
    config: {
      User: settings.user ?? '65532:65532',
      Env: Object.entries(settings.environment ?? {}).map(([name, value]) => `${name}=${value}`),
      Entrypoint: settings.entrypoint,
      WorkingDir: '/',
      Labels: settings.labels ?? {},
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
  });
  const mediaType = 'application/vnd.oci.image.manifest.v1+json';
  const descriptors = layers.map(({ descriptor }) => descriptor);
  return writeJson(layout, mediaType, { schemaVersion: 2, mediaType, config, layers: descriptors });
}

/** Writes an image as an OCI image layout, https://github.com/opencontainers/image-spec, into a new folder. */
export async function writeImage(folder: string, image: Image): Promise<void> {
  const layers: Layer[] = [];
  for (const files of image.layers) layers.push(await writeLayer(folder, files));
  const manifest = await writeManifest(folder, layers, image);
  await writeFile(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await writeFile(join(folder, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [manifest] }));
}
