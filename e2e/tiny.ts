import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MANIFEST_NAME } from '../src/drivers/local/artifact.ts';

/** What a version of the tiny service is like. */
export interface TinyVersion {
  readonly name: string;
  /** Every so many requests one fails; 0 for never. */
  readonly failEvery: number;
}

export const goodVersion = (name: string): TinyVersion => ({ name, failEvery: 0 });
export const worseVersion = (name: string): TinyVersion => ({ name, failEvery: 3 });

/** A service without dependencies: answers with its name, is ready at once, and lets requests end on SIGTERM. */
const source = ({ name, failEvery }: TinyVersion): string => `
const { createServer } = require('node:http');
let requests = 0;
const server = createServer((request, response) => {
  if (request.url === '/readyz') return response.end();
  requests += 1;
  const fails = ${failEvery} > 0 && requests % ${failEvery} === 0;
  response.writeHead(fails ? 500 : 200).end(${JSON.stringify(name)});
});
server.listen(Number(process.env.PORT), '127.0.0.1');
process.on('SIGTERM', () => server.close(() => process.exit(0)));
`;

/** Writes a version's files, ready to be packed, into `folder`. */
export async function writeTiny(folder: string, version: TinyVersion): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'server.cjs'), source(version));
  const manifest = {
    start: ['node', 'server.cjs'],
    portVariable: 'PORT',
    readiness: '/readyz',
    stopSignal: 'SIGTERM',
    graceSeconds: 2,
  };
  await writeFile(join(folder, MANIFEST_NAME), JSON.stringify(manifest));
}
