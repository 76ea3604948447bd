import { readFile } from 'node:fs/promises';
import type { BelayDocument } from '../../core/model/documents.ts';
import { loadDocuments } from '../documents/load.ts';
import { CliFailure, usage } from '../failure.ts';
import { printable, printData, say } from '../terminal.ts';
import { findingLine } from './lint.ts';

/** Plays a scenario, with one's own documents where they are given. The transcript is the data. */
export async function simulate(
  script: string | undefined,
  options: { readonly file?: string; readonly output?: string },
): Promise<void> {
  if (script === undefined)
    throw usage(
      'say which scenario',
      'belay simulate scenarios/worse-canary.txt',
      'belay simulate scenarios/worse-canary.txt -f belay.yaml   with your own pipeline',
    );
  if (options.output !== undefined && options.output !== 'json')
    throw usage(`there is no output format ${options.output} for simulate; there is json`);
  const text = await readFile(script, 'utf8').catch((error: unknown) => {
    throw usage(`cannot read ${script}: ${(error as Error).message}`);
  });
  const own = options.file === undefined ? {} : await ownDocuments(options.file);
  // The simulated world is for people as well as for tests; it is loaded only here.
  const { playScript } = await import('../../../simulation/script.ts');
  const transcript = await playScript(text, own).catch((error: unknown) => {
    throw new CliFailure('usage', `${script}: ${(error as Error).message}`);
  });
  if (options.output === 'json') printData(JSON.stringify(transcript, null, 2));
  else for (const line of transcript.text.trimEnd().split('\n')) printData(printable(line));
  if (transcript.failures.length > 0)
    throw new CliFailure('gateFailed', `expected and did not happen:\n  ${transcript.failures.join('\n  ')}`);
}

async function ownDocuments(path: string): Promise<OwnDocuments> {
  const { documents, findings } = await loadDocuments([path]);
  for (const finding of findings) say(findingLine(finding));
  if (findings.some((finding) => finding.severity === 'error'))
    throw new CliFailure('error', `${path} cannot be played as it stands`);
  const pipelines = documents.flatMap(({ document }) => (document.kind === 'Pipeline' ? [document] : []));
  const [pipeline, ...others] = pipelines;
  if (pipeline === undefined || others.length > 0)
    throw usage(`${path} has ${pipelines.length} pipelines; one is played`);
  return {
    project: pipeline.metadata.project,
    service: pipeline.spec.service,
    documents: await Promise.all(documents.map(async (read) => withSimulatedKeys(read.document))),
  };
}

/** Nobody's real key signs in a simulation: whoever is trusted signs there with a key that is made of the name. */
async function withSimulatedKeys(document: BelayDocument): Promise<BelayDocument> {
  if (document.kind !== 'Project') return document;
  const { trust } = document.spec;
  if (trust.length > 0 && trust.every(({ name }) => name !== 'ci'))
    say(
      `the project trusts ${trust.map(({ name }) => name).join(', ')}; scenarios build as ci unless they say: sign R by WHO`,
    );
  const { signerNamed } = await import('../../../simulation/signing.ts');
  const simulated = trust.map((who) => ({ ...who, publicKey: signerNamed(who.name).publicKey }));
  return { ...document, spec: { ...document.spec, trust: simulated } };
}

interface OwnDocuments {
  readonly project: string;
  readonly service: string;
  readonly documents: readonly BelayDocument[];
}
