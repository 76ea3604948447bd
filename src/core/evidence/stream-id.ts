import {
  everythingStream,
  Name,
  projectStream,
  type ReleaseKey,
  releaseStream,
  type SlotKey,
  slotStream,
} from '../model/name.ts';

/** What a stream is of, read from its id. */
export type StreamId =
  | { readonly kind: 'everything' }
  | { readonly kind: 'project'; readonly project: string }
  | { readonly kind: 'release'; readonly key: ReleaseKey }
  | { readonly kind: 'slot'; readonly key: SlotKey };

/** Reads a stream's id strictly: null for anything that no stream is called. */
export function parseStreamId(id: string): StreamId | null {
  if (id === everythingStream) return { kind: 'everything' };
  const [kind, ...names] = id.split('/');
  if (!names.every((name) => Name.safeParse(name).success)) return null;
  const [project = '', second = '', third = ''] = names;
  const read: Exclude<StreamId, { kind: 'everything' }> | null =
    kind === 'project'
      ? { kind, project }
      : kind === 'release'
        ? { kind, key: { project, service: second, name: third } }
        : kind === 'slot'
          ? { kind, key: { project, environment: second, service: third } }
          : null;
  return read !== null && formatStreamId(read) === id ? read : null;
}

function formatStreamId(id: Exclude<StreamId, { kind: 'everything' }>): string {
  if (id.kind === 'project') return projectStream(id.project);
  return id.kind === 'release' ? releaseStream(id.key) : slotStream(id.key);
}

/** The slot that a stream is of. Throws where it is none: this is then a bug of the caller. */
export function slotOf(stream: string): SlotKey {
  const id = parseStreamId(stream);
  if (id?.kind !== 'slot') throw new RangeError(`${stream} is not the stream of a slot`);
  return id.key;
}
