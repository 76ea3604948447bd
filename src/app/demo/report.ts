/** What became of one version, as clients and the ledger saw it. */
export interface VersionReport {
  readonly release: string;
  readonly version: string;
  readonly outcome: 'promoted' | 'rolled-back' | 'refused' | 'not-ready';
  readonly reason: string;
  /** Requests that the load generator sent to this version in production, and how many of them failed. */
  readonly requests: number;
  readonly failed: number;
  /** From the first request on the canary at the edge to weight 0 read back; null unless it was rolled back. */
  readonly secondsToZero: number | null;
}

/** The demo's report, as `--report FILE` writes it. */
export interface DemoReport {
  readonly versions: readonly VersionReport[];
  readonly evidence: { readonly verified: boolean; readonly tamperedRefused: boolean };
  readonly memoryMegabytes: number | null;
  readonly seconds: number;
}

/** What each version is expected to come to; the demo ends with 0 only if all do. */
export const expectedOutcomes: Readonly<Record<string, VersionReport['outcome']>> = {
  v1: 'promoted',
  v2: 'promoted',
  v3: 'rolled-back',
  v4: 'rolled-back',
  v5: 'refused',
  v6: 'not-ready',
};

/** Whether a report says what it should. */
export function isAsExpected(report: DemoReport): boolean {
  const good = report.versions.every(
    (v) => expectedOutcomes[v.version] === v.outcome && (v.outcome !== 'promoted' || v.failed === 0),
  );
  return good && report.evidence.verified && report.evidence.tamperedRefused;
}
