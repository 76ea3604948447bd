import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool } from 'pg';
import type { NoteSigner } from '../core/ledger/note.ts';
import type { Refusal } from '../core/ledger/refusal.ts';
import type { Result } from '../core/model/result.ts';
import { checkpointConfigMap } from '../drivers/kubernetes/checkpoint-config-map.ts';
import type { Clusters } from '../drivers/kubernetes/clusters.ts';
import type { ArtifactStore } from '../ports/artifacts.ts';
import type { CheckpointKeeper } from '../ports/checkpoint-keeper.ts';
import { artifactFolder } from '../store/artifact-folder.ts';
import { artifactTable } from '../store/artifact-table.ts';
import { checkpointFile } from '../store/kept-checkpoint.ts';
import { loadGivenLogKey, loadLogKey } from '../store/log-key.ts';
import type { ServerConfig } from './config.ts';
import { StartRefused } from './start-refused.ts';

/** What a server keeps beside the ledger, and shares with its replicas. */
export interface ServerState {
  readonly signer: NoteSigner;
  readonly keeper: CheckpointKeeper;
  readonly artifacts: ArtifactStore;
}

/** In one folder; or, in a cluster, in a Secret, a ConfigMap and the database, so that replicas need no folder. */
export async function openState(config: ServerConfig, pool: Pool, clusters: Clusters): Promise<ServerState> {
  const { dataFolder, logKeyFile, checkpointConfigMap: map, origin } = config;
  if (dataFolder !== undefined) {
    const artifacts = join(dataFolder, 'artifacts');
    await mkdir(artifacts, { recursive: true });
    return {
      signer: usable(await loadLogKey(join(dataFolder, 'log-key.pem'), origin)),
      keeper: checkpointFile(join(dataFolder, 'last-checkpoint')),
      artifacts: artifactFolder(artifacts),
    };
  }
  if (logKeyFile === undefined || map === undefined)
    throw new StartRefused(
      'set BELAY_DATA to a folder, or BELAY_LOG_KEY_FILE and BELAY_CHECKPOINT_CONFIG_MAP',
    );
  const [namespace = '', name = ''] = map.split('/');
  const api = async () => {
    const connected = await clusters.api(null);
    if (!connected.ok) throw new Error(connected.error);
    return connected.value;
  };
  return {
    signer: usable(await loadGivenLogKey(logKeyFile, origin)),
    keeper: checkpointConfigMap(api, { namespace, name }),
    artifacts: artifactTable(pool),
  };
}

function usable(signer: Result<NoteSigner, Refusal<string>>): NoteSigner {
  if (signer.ok) return signer.value;
  throw new StartRefused(`the log key cannot be used: ${signer.error.message}`);
}
