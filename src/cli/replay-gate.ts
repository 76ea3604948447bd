import { readFile } from 'node:fs/promises';
import { AnalysisProfile } from '../core/model/gate.ts';
import { complaintsOf, type SchemaComplaint, unitless } from './documents/complaints.ts';
import { readYaml, type YamlDocument } from './documents/yaml.ts';
import { CliFailure, usage } from './failure.ts';
import type { Recording } from './recorded-samples.ts';
import { say } from './terminal.ts';

type Latency = NonNullable<AnalysisProfile['latency']>;

/** Without a gate: the defaults, on what the recording measures. */
export function usualGate(recording: Recording): AnalysisProfile {
  const usual = AnalysisProfile.parse({});
  if (usual.latency === null) return usual;
  const latency = usualLatency(recording, usual.latency);
  return { ...usual, latency };
}

function usualLatency(recording: Recording, usual: Latency): Latency | null {
  const { name, arms } = recording;
  const shared = sharedBounds(recording);
  if (arms.canary.bounds.size + arms.stable.bounds.size === 0) {
    say(`${name} has no latency; errors alone decide`);
    return null;
  }
  if (shared.length === 0) {
    // Judged by errors alone it would be promoted however slow it is: it holds, and says what is not counted.
    say(
      `canary and stable have no latency bound in common (canary ${listed(arms.canary.bounds)}; stable ${listed(arms.stable.bounds)}): ` +
        'slow requests cannot be compared, and nothing is promoted; --gate with latency: null leaves them out',
    );
    return usual;
  }
  const aboveMs = shared.find((bound) => bound >= usual.aboveMs) ?? shared.at(-1) ?? usual.aboveMs;
  if (aboveMs !== usual.aboveMs)
    say(`${name} has no latency bound of ${usual.aboveMs} ms; requests slower than ${aboveMs} ms count`);
  return { ...usual, aboveMs };
}

/** The latency bounds that both arms show, or the only arm that there is; rising. */
function sharedBounds({ arms: { canary, stable } }: Recording): readonly number[] {
  const [one, other] = canary.pods.size === 0 ? [stable, stable] : [canary, stable];
  const all = [...one.bounds].filter((bound) => other.pods.size === 0 || other.bounds.has(bound));
  return all.sort((a, b) => a - b);
}

const listed = (bounds: Iterable<number>): string => [...bounds].sort((a, b) => a - b).join(', ') || 'none';

/** No gate is larger. */
const bounds = { characters: 100_000, nodes: 1_000, documents: 1 };

/** Reads a gate: one metric gate as it stands in a pipeline, its fields at the top. */
export async function readGate(file: string, recording: Recording): Promise<AnalysisProfile> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw usage(`cannot read ${file}: ${(error as Error).message}`);
  });
  const { documents, complaints } = readYaml(file, text, bounds);
  const [wrong] = complaints;
  if (wrong !== undefined)
    throw new CliFailure('error', `${file}:${wrong.line}:${wrong.column}: ${wrong.message}; ${wrong.fix}`);
  const gate = gateOf(file, documents[0]);
  const { latency } = gate;
  const shared = sharedBounds(recording);
  if (latency !== null && !shared.includes(latency.aboveMs))
    throw new CliFailure(
      'error',
      `${file}: latency.aboveMs: no bound of ${latency.aboveMs} ms in both arms of ${recording.name}; there ${shared.length === 0 ? 'is none' : `are ${shared.join(', ')}`}`,
      shared.length === 0 ? ['latency: null, where it is not measured'] : [],
    );
  return gate;
}

function gateOf(file: string, document: YamlDocument | undefined): AnalysisProfile {
  const value = document?.value ?? {};
  const read = AnalysisProfile.safeParse(value);
  const [wrong] = read.success
    ? unitless(value, AnalysisProfile)
    : complaintsOf(read.error, value, AnalysisProfile);
  if (read.success && wrong === undefined) return read.data;
  const { path, key, message, fix }: SchemaComplaint = wrong ?? { path: [], message: 'no gate', fix: '' };
  const place = key === undefined ? document?.placeOf(path) : document?.placeOf([...path, key], 'key');
  throw new CliFailure('error', `${file}:${place?.line ?? 1}:${place?.column ?? 1}: ${message}; ${fix}`, [
    'one metric gate, its fields (errors, latency, alpha, …) at the top: docs/canary.md has one',
  ]);
}
