import { writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Name } from '../../core/model/name.ts';
import { belaySchema } from '../documents/json-schema.ts';
import { CliFailure, usage } from '../failure.ts';
import { printData, say, sayNext } from '../terminal.ts';

const schemaFile = '.belay.schema.json';

/** Writes a commented belay.yaml, and beside it the JSON Schema that its first line names for the editor. */
export async function init(options: {
  readonly service?: string;
  readonly project?: string;
  readonly file: string;
}): Promise<void> {
  const service = options.service ?? nameFromFolder(process.cwd());
  const project = options.project ?? service;
  for (const [flag, name] of [['--service', service] as const, ['--project', project] as const]) {
    const parsed = Name.safeParse(name);
    if (!parsed.success) throw usage(`${flag} ${name}: ${parsed.error.issues[0]?.message ?? 'not valid'}`);
  }
  const text = firstPipeline(project, service);
  if (options.file === '-') return printData(text.trimEnd());
  await writeNew(options.file, text);
  await writeFile(join(dirname(options.file), schemaFile), `${JSON.stringify(belaySchema(), null, 2)}\n`);
  printData(options.file);
  say(`written, and ${schemaFile} for your editor`);
  sayNext(`belay lint ${options.file}`);
  sayNext(`belay apply -f ${options.file}`);
}

const nameFromFolder = (folder: string): string =>
  basename(resolve(folder))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63) || 'app';

async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch((error: unknown) => {
    const code = (error as NodeJS.ErrnoException).code;
    throw new CliFailure(
      code === 'EEXIST' ? 'usage' : 'error',
      code === 'EEXIST'
        ? `${file} is there already and stays as it is`
        : `cannot write ${file}: ${(error as Error).message}`,
    );
  });
}

/** A project, one environment of the `local` driver, and a pipeline that works against `belay up` as it stands. */
export function firstPipeline(project: string, service: string): string {
  return `# yaml-language-server: $schema=./${schemaFile}
apiVersion: belay.dev/v1alpha1
kind: Project
metadata: {name: ${project}}
spec: {trust: []}                     # whose signatures count; a production environment asks for one
---
apiVersion: belay.dev/v1alpha1
kind: Environment
metadata: {name: local, project: ${project}}
spec: {driver: local, replicas: 2}    # processes on this machine, behind an edge that shares the traffic
---
apiVersion: belay.dev/v1alpha1
kind: Pipeline
metadata: {name: ${service}, project: ${project}}
spec:
  service: ${service}
  stages:
    - name: local
      environment: local
      rollout:
        steps: [10, 50, 100]    # the new version's share of the traffic, in percent
        stepAtLeast: 10s        # each step lasts this long, and longer while a gate cannot tell
      analysis:                 # judged while the traffic shifts: it needs requests on both versions
        - kind: metric
          name: canary
          errors: {marginPoints: 2}                 # more harm than this is not accepted
          latency: {aboveMs: 250, marginPoints: 5}  # slower than this counts as slow
      verification:             # judged at full traffic, before it counts as promoted
        - {kind: soak, name: settled, healthyFor: 10s}
`;
}
