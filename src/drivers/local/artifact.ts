import { z } from 'zod';

/** The name of the manifest at the top of every artifact archive. */
export const MANIFEST_NAME = 'belay.artifact.json';

/** An environment variable's name, as POSIX has it. */
export const VariableName = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'expected the name of an environment variable');

const HttpPath = z.string().regex(/^\/[\x21-\x7e]{0,511}$/, 'expected an absolute HTTP path');

/**
 * What an archive says about how it is run. `start` is the command; `node` as its first word means the Node that
 * runs the agent, any other program is looked for by PATH. Its working folder is the archive's. The process listens on the loopback
 * port that `portVariable` names, answers 2xx on `readiness` when it may get requests, and ends within
 * `graceSeconds` after `stopSignal`.
 */
export const ArtifactManifest = z.strictObject({
  start: z.array(z.string().min(1).max(1000)).min(1).max(50),
  portVariable: VariableName,
  readiness: HttpPath,
  metrics: HttpPath.optional(),
  stopSignal: z.enum(['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP']),
  graceSeconds: z.number().min(0).max(300),
});
export type ArtifactManifest = z.infer<typeof ArtifactManifest>;
