import { createHash } from 'node:crypto';
import type { Digest } from '../../core/model/digest.ts';
import type { Pipeline } from '../../core/model/documents.ts';
import { lintWorkloads, type WorkloadFinding } from '../../core/lint/workload/lint.ts';
import type { StageDeadline } from '../../core/lint/workload/rule.ts';
import { filesBelow, readTexts } from './files.ts';
import { lintedDocuments, ofSchema, type PlacedFinding, pointerParts } from './load.ts';
import { readDocument, type ReadDocument } from './read.ts';
import { readYaml, type YamlDocument } from './yaml.ts';

/** A finding of the workload lint has its object and the path in it besides. */
export type LintFinding = PlacedFinding & { readonly object?: string; readonly path?: string };

/** A finding that the object allows itself. */
export interface PlacedAllowed {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly rule: string;
  readonly object: string;
  readonly path: string;
  readonly message: string;
  readonly reason: string;
}

/** What was found in files of both kinds. */
export interface Linted {
  /** SHA-256 of all that was read, one text after the other: `cat FILES | sha256sum`. */
  readonly digest: Digest;
  /** How many Belay documents there are. */
  readonly documents: number;
  /** How many objects of Kubernetes were judged. */
  readonly objects: number;
  /** How many objects of which kinds no rule reads. */
  readonly passedOver: Readonly<Record<string, number>>;
  readonly findings: readonly LintFinding[];
  readonly allowed: readonly PlacedAllowed[];
}

/** A rendered chart with its custom resource definitions is far larger than a configuration. */
const bounds = { characters: 10_000_000, nodes: 200_000, documents: 5_000 };

/**
 * Reads files, folders with all below them, and stdin (`-`), which may hold Belay documents and objects of Kubernetes
 * side by side; each is told by its apiVersion. All of a kind are linted together.
 */
export async function lintAll(paths: readonly string[]): Promise<Linted> {
  const unread: PlacedFinding[] = [];
  const documents: ReadDocument[] = [];
  const manifests: YamlDocument[] = [];
  const texts = await readTexts(await filesBelow(paths));
  const digest: Digest = `sha256:${createHash('sha256')
    .update(texts.map(([, text]) => text).join(''))
    .digest('hex')}`;
  for (const [file, text] of texts) {
    const yaml = readYaml(file, text, bounds);
    unread.push(...yaml.complaints.map(ofSchema));
    if (yaml.documents.length === 0 && yaml.complaints.length === 0)
      unread.push(ofSchema({ file, ...empty }));
    for (const one of yaml.documents) {
      if (isManifest(one.value)) manifests.push(one);
      else {
        const read = readDocument(one);
        documents.push(...read.documents);
        unread.push(...read.complaints.map(ofSchema));
      }
    }
  }
  // Half of the files would give findings that the other half mends.
  if (unread.length > 0)
    return { digest, documents: documents.length, objects: 0, passedOver: {}, findings: unread, allowed: [] };
  const workloads = lintWorkloads(manifests, deadlinesOf(documents));
  return {
    digest,
    documents: documents.length,
    objects: workloads.objects,
    passedOver: workloads.passedOver,
    findings: [
      ...lintedDocuments(documents),
      ...workloads.findings.map((one) => ({ ...placeIn(manifests, one), ...said(one) })),
    ],
    allowed: workloads.allowed.map(({ document, ...one }) => ({
      ...placeIn(manifests, { document, ...one }),
      ...one,
    })),
  };
}

const empty = {
  line: 1,
  column: 1,
  message: 'the file holds no document',
  fix: 'a Project, an Environment or a Pipeline, or objects of Kubernetes',
};

const said = ({ document: _document, ...one }: WorkloadFinding): Omit<WorkloadFinding, 'document'> => one;

function placeIn(
  manifests: readonly YamlDocument[],
  { document, path }: { readonly document: number; readonly path: string },
): { readonly file: string; readonly line: number; readonly column: number } {
  const manifest = manifests[document];
  return { file: manifest?.file ?? '', ...(manifest?.placeOf(pointerParts(path)) ?? { line: 1, column: 1 }) };
}

const belayKinds: readonly string[] = ['Project', 'Environment', 'Pipeline'];

/**
 * Whether a document is an object of Kubernetes: it has an apiVersion that is not ours. A document without one, or of
 * one of our kinds under an apiVersion without a group, is most likely a mistake in a Belay document.
 */
function isManifest(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const { apiVersion, kind } = value as { readonly apiVersion?: unknown; readonly kind?: unknown };
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return false;
  return !apiVersion.startsWith('belay.dev/') && (apiVersion.includes('/') || !belayKinds.includes(kind));
}

const deadlinesOf = (documents: readonly ReadDocument[]): readonly StageDeadline[] =>
  documents
    .map(({ document }) => document)
    .filter((document): document is Pipeline => document.kind === 'Pipeline')
    .flatMap(({ spec: { service, stages } }) =>
      stages.map(({ name, rollout }) => ({ service, stage: name, deadlineMs: rollout.progressDeadline })),
    );
