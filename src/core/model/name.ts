import { z } from 'zod';

/**
 * The name of a project, service, environment, stage, gate or release: a DNS label, as Kubernetes has it. One label
 * is refused: it is a property that every object has, and a look-up by it would find something that nobody put there.
 */
export const Name = z
  .string()
  .regex(
    /^(?!constructor$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    'expected a name of lower-case letters, digits and hyphens, at most 63 long',
  );

/** An opaque stable id of a person or machine; never a name or an e-mail address. */
export const SubjectId = z.string().regex(/^[a-z0-9][a-z0-9._:-]{0,127}$/, 'expected an opaque subject id');

/** Who did it, as the door authenticated him; never taken from a request's body. */
export const Subject = z.strictObject({ id: SubjectId, kind: z.enum(['person', 'machine']) });
export type Subject = z.infer<typeof Subject>;

/** One service in one environment: the unit of consistency. */
export const SlotKey = z.strictObject({ project: Name, environment: Name, service: Name });
export type SlotKey = z.infer<typeof SlotKey>;

/** One release of one service. */
export const ReleaseKey = z.strictObject({ project: Name, service: Name, name: Name });
export type ReleaseKey = z.infer<typeof ReleaseKey>;

/** Streams of the ledger. Their ids order lexically, which is also the order in which they are locked. */
export const everythingStream = 'everything';
export const projectStream = (project: string): string => `project/${project}`;
export const releaseStream = (key: ReleaseKey): string => `release/${key.project}/${key.service}/${key.name}`;
export const slotStream = (key: SlotKey): string => `slot/${key.project}/${key.environment}/${key.service}`;
