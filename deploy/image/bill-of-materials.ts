import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

const PackageLock = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      license: z.string().optional(),
      integrity: z.string().optional(),
    }),
  ),
});

/**
 * What is in the image, in CycloneDX 1.5 (https://cyclonedx.org): the packages of npm that are installed, with licence and
 * digest, Node, and the packages of Debian. Without a time and a serial number, so that the same image has the same
 * bill. Made here, since `npm sbom` leaves out what a development dependency needs too.
 *
 * @param app a folder in which a package-lock.json was installed from
 */
export async function bill(
  app: string,
  base: readonly { readonly name: string; readonly version: string; readonly sha256: string }[],
): Promise<string> {
  const { packages } = PackageLock.parse(JSON.parse(await readFile(join(app, 'package-lock.json'), 'utf8')));
  const own = packages[''];
  const installed = Object.entries(packages).filter(([path]) => path !== '' && existsSync(join(app, path)));
  const npm = installed.map(([path, { version = '', license, integrity }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return {
      type: 'library',
      name,
      version,
      purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      ...(integrity?.startsWith('sha512-') === true
        ? { hashes: [{ alg: 'SHA-512', content: hexOf(integrity) }] }
        : {}),
    };
  });
  const node = {
    type: 'application',
    name: 'node',
    version: process.versions.node,
    cpe: `cpe:2.3:a:nodejs:node.js:${process.versions.node}:*:*:*:*:*:*:*`,
  };
  const debian = base.map(({ name, version, sha256 }) => ({
    type: 'library',
    name,
    version,
    purl: `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?distro=debian-12`,
    hashes: [{ alg: 'SHA-256', content: sha256 }],
  }));
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: '1.5',
    version: 1,
    metadata: { component: { type: 'application', name: 'belay', version: own?.version ?? '' } },
    components: [...npm, node, ...debian],
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

const hexOf = (integrity: string): string =>
  Buffer.from(integrity.slice('sha512-'.length), 'base64').toString('hex');
