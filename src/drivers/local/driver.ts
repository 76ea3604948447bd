import type { SlotKey } from '../../core/model/name.ts';
import type { Sample } from '../../core/model/observation.ts';
import { err, ok, unreachable } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';
import {
  type EnvironmentDriver,
  noHistory,
  type Outcome,
  type ScrapedArms,
  type Unreadable,
} from '../../ports/environment.ts';
import { callAgent } from './agent-client.ts';
import type { CallError } from './agent-client.ts';
import { AgentOutcome, CountersReport, DiagnosticsReport, SlotReport, slotPath } from './protocol.ts';
import type { ApplyRequest, RemoveRequest, ShiftRequest, UpstreamReport } from './protocol.ts';

/**
 * The `local` driver: an environment whose agent works on `folder`. Weights are read from the routing table of the
 * edge itself, hence `confirmed`. Where two releases share traffic the first of the weights is taken to be the
 * stable one: it is where the agent sends all traffic should the control plane be lost (`onControlPlaneLoss`).
 */
export function createLocalDriver(folder: string): EnvironmentDriver {
  const act = async (
    slot: SlotKey,
    method: 'PUT' | 'DELETE',
    part: string,
    body: ApplyRequest | RemoveRequest | ShiftRequest,
    signal: AbortSignal,
  ): Promise<Outcome> => {
    const path = `${slotPath(slot)}/${part}`;
    const answer = await callAgent(folder, AgentOutcome, { method, path, body, signal });
    return answer.ok ? answer.value : outcomeOf(answer.error);
  };
  return {
    fences: true,
    desiredState: {
      applyWorkload: (slot, { generation, release, artifact, replicas, configuration }, signal) => {
        const { digest, parameters } = configuration;
        const secrets = configuration.secrets.map(({ name, reference, version }) => ({
          name,
          reference,
          version,
        }));
        const body = { generation, artifact, replicas, configuration: { digest, parameters, secrets } };
        return act(slot, 'PUT', `workloads/${release}`, body, signal);
      },
      removeWorkload: (slot, { generation, release }, signal) =>
        act(slot, 'DELETE', `workloads/${release}`, { generation }, signal),
    },
    traffic: {
      shift: (slot, { generation, weights }, signal) => {
        const retreatTo = weights.length === 2 ? (weights[0]?.release ?? null) : null;
        return act(slot, 'PUT', 'weights', { generation, weights: [...weights], retreatTo }, signal);
      },
    },
    observer: {
      observe: async (slot, signal) => {
        const answer = await callAgent(folder, SlotReport, { method: 'GET', path: slotPath(slot), signal });
        return answer.ok ? ok({ ...answer.value, level: 'confirmed' }) : err(unreadable(answer.error));
      },
    },
    metrics: {
      scrape: (slot, arms, signal) => scrape(folder, slot, arms, signal),
      history: async () => ok(noHistory),
    },
    troubleshooting: {
      diagnose: async (slot, release, signal) => {
        const path = `${slotPath(slot)}/diagnostics/${release}`;
        const answer = await callAgent(folder, DiagnosticsReport, { method: 'GET', path, signal });
        return answer.ok ? answer : err(unreadable(answer.error));
      },
    },
  };
}

async function scrape(
  folder: string,
  slot: SlotKey,
  arms: ScrapedArms,
  signal: AbortSignal,
): Promise<Result<readonly Sample[], Unreadable>> {
  const path = `${slotPath(slot)}/counters`;
  const answer = await callAgent(folder, CountersReport, { method: 'GET', path, signal });
  if (!answer.ok) return err(unreadable(answer.error));
  const { t, weights, upstreams } = answer.value;
  const canaryWeight = weights.find(({ release }) => release === arms.canary)?.weight ?? 0;
  return ok(
    upstreams.flatMap((upstream): Sample[] => {
      if (upstream.release === arms.canary) return [sampleOf(upstream, 'canary', t, canaryWeight / 100)];
      if (upstream.release === arms.stable) return [sampleOf(upstream, 'stable', t, canaryWeight / 100)];
      return [];
    }),
  );
}

function sampleOf(upstream: UpstreamReport, arm: Sample['arm'], t: number, weight: number): Sample {
  const { pod, started, ready, requests, errors, latencyMs } = upstream;
  return {
    t,
    arm,
    pod,
    started,
    ...(ready === null ? {} : { ready }),
    weight,
    requests,
    bad: { errors },
    latencyMs,
  };
}

function outcomeOf(error: CallError): Outcome {
  switch (error.code) {
    case 'not-sent':
    case 'not-found':
      return { outcome: 'failed', message: error.message };
    case 'lost':
    case 'invalid-answer':
      return { outcome: 'unknown', message: error.message };
    default:
      return unreachable(error.code);
  }
}

function unreadable(error: CallError): Unreadable {
  switch (error.code) {
    case 'not-sent':
    case 'lost':
      return { code: 'unreachable', message: error.message };
    case 'not-found':
    case 'invalid-answer':
      return { code: error.code, message: error.message };
    default:
      return unreachable(error.code);
  }
}
