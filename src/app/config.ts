import { z } from 'zod';

/** Everything that a server is told, read once at its start. */
export const ServerConfig = z.strictObject({
  /** PostgreSQL, as a role that may add to the ledger and not change it. */
  databaseUrl: z.string().min(1),
  /**
   * The server's own folder, which its replicas share: log key, last checkpoint, artifacts. In a cluster there is none:
   * the key is a mounted Secret, the checkpoint in a ConfigMap (NAMESPACE/NAME), and artifacts are in the database.
   */
  dataFolder: z.string().min(1).optional(),
  logKeyFile: z.string().min(1).optional(),
  checkpointConfigMap: z
    .string()
    .regex(/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/, 'expected NAMESPACE/NAME')
    .optional(),
  /** Folders of the agents of `local` environments, one a slot: PROJECT.ENVIRONMENT.SERVICE. */
  agentsFolder: z.string().min(1).optional(),
  /** Holds the secret of the first admin token; without it one is made and printed. */
  firstTokenFile: z.string().min(1).optional(),
  /** Files that a reference `file:NAME` in a document may name, where the server itself needs a secret. */
  secretsFolder: z.string().min(1).optional(),
  host: z.string().default('127.0.0.1'),
  port: z.coerce.number().int().min(0).max(65_535).default(7420),
  /** PEM files; needed to listen anywhere but on the loopback interface. */
  tlsKeyFile: z.string().optional(),
  tlsCertFile: z.string().optional(),
  /** The name of the log: the origin of its checkpoints. */
  origin: z.string().min(1).default('belay.dev/log'),
  webhookUrl: z.url().optional(),
  webhookSecretFile: z.string().optional(),
  logLevel: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
  /** Takes over a ledger whose last checkpoint is not in the data folder: an operator's word, said once. */
  adoptLedger: z.stringbool().default(false),
});
export type ServerConfig = z.infer<typeof ServerConfig>;

const variables: Readonly<Record<keyof ServerConfig, string>> = {
  databaseUrl: 'BELAY_DATABASE_URL',
  dataFolder: 'BELAY_DATA',
  logKeyFile: 'BELAY_LOG_KEY_FILE',
  checkpointConfigMap: 'BELAY_CHECKPOINT_CONFIG_MAP',
  agentsFolder: 'BELAY_AGENTS',
  firstTokenFile: 'BELAY_FIRST_TOKEN_FILE',
  secretsFolder: 'BELAY_SECRETS',
  host: 'BELAY_HOST',
  port: 'BELAY_PORT',
  tlsKeyFile: 'BELAY_TLS_KEY_FILE',
  tlsCertFile: 'BELAY_TLS_CERT_FILE',
  origin: 'BELAY_ORIGIN',
  webhookUrl: 'BELAY_WEBHOOK_URL',
  webhookSecretFile: 'BELAY_WEBHOOK_SECRET_FILE',
  logLevel: 'BELAY_LOG_LEVEL',
  adoptLedger: 'BELAY_ADOPT_LEDGER',
};

/** Reads the configuration from the environment; throws with the variable that is wrong, never with its value. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): ServerConfig {
  const given = Object.fromEntries(
    Object.entries(variables).flatMap(([key, variable]) => {
      const value = environment[variable];
      return value === undefined || value === '' ? [] : [[key, value]];
    }),
  );
  const parsed = ServerConfig.safeParse(given);
  if (parsed.success) {
    refuseHalves(parsed.data);
    refuseTwoHomes(parsed.data);
    return parsed.data;
  }
  const wrong = parsed.error.issues.map((issue) => {
    const key = String(issue.path[0]) as keyof ServerConfig;
    return `${variables[key]}: ${issue.message}`;
  });
  throw new Error(`the configuration is not usable: ${wrong.join('; ')}`);
}

/** Settings that mean something only together; one without the other is a mistake, and not a choice. */
const pairs: readonly (readonly [keyof ServerConfig, keyof ServerConfig])[] = [
  ['webhookUrl', 'webhookSecretFile'],
  ['tlsKeyFile', 'tlsCertFile'],
  ['logKeyFile', 'checkpointConfigMap'],
];

function refuseHalves(config: ServerConfig): void {
  for (const [one, other] of pairs) {
    if ((config[one] === undefined) === (config[other] === undefined)) continue;
    throw new Error(
      `the configuration is not usable: ${variables[one]} and ${variables[other]} are given together or not at all`,
    );
  }
}

/** One place for the server's own things, and not two or none. */
function refuseTwoHomes(config: ServerConfig): void {
  if ((config.dataFolder === undefined) !== (config.logKeyFile === undefined)) return;
  throw new Error(
    `the configuration is not usable: give either ${variables.dataFolder}, or ${variables.logKeyFile} and ${variables.checkpointConfigMap}`,
  );
}
