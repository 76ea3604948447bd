import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { Name } from '../../../core/model/name.ts';

const Port = z.int().min(0).max(65_535);

/**
 * The agent's configuration file (JSON). Ports of 0 are chosen by the operating system. The token is read from
 * `tokenFile`, or from BELAY_AGENT_TOKEN if that is set.
 */
export const AgentConfig = z.strictObject({
  /** The agent's own: state, unpacked artifacts, logs. Nobody else writes here. */
  folder: z.string().min(1),
  /** The content store: archives as `sha256/HEX`. Only read. */
  artifacts: z.string().min(1),
  /** Files that a secret's reference `file:NAME` may name. Only read. */
  secrets: z.string().min(1),
  tokenFile: z.string().min(1),
  environment: Name,
  controlPort: Port.default(0),
  slots: z
    .array(
      z.strictObject({
        project: Name,
        service: Name,
        edgePort: Port.default(0),
        onControlPlaneLoss: z
          .discriminatedUnion('mode', [
            z.strictObject({ mode: z.literal('hold') }),
            /** When no control call came for `afterMs` while two releases share traffic, all goes to the stable one. */
            z.strictObject({ mode: z.literal('retreat'), afterMs: z.int().min(100) }),
          ])
          .default({ mode: 'hold' }),
      }),
    )
    .min(1)
    .max(50),
  /** End, as on SIGTERM, when this process has ended. Without it the agent outlives whoever started it. */
  parentPid: z.int().min(2).optional(),
});
export type AgentConfig = z.infer<typeof AgentConfig>;

/** Reads and checks the configuration; throws with what is wrong. */
export function readConfig(path: string): AgentConfig {
  return AgentConfig.parse(JSON.parse(readFileSync(path, 'utf8')));
}

/** The bearer token; at least 32 characters. */
export function readToken(config: AgentConfig): string {
  const token = (process.env['BELAY_AGENT_TOKEN'] ?? readFileSync(config.tokenFile, 'utf8')).trim();
  if (token.length < 32) throw new Error('the control token has less than 32 characters');
  return token;
}
