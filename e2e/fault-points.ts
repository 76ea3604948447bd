/**
 * Where a server is killed, each named by what has happened and what has not. `quick` ones are in every `npm test`;
 * `occurrence` counts from the moment that the fault is armed.
 */
export interface FaultPoint {
  readonly at: FaultName;
  readonly occurrence: number;
  readonly quick: boolean;
}

/**
 * - `turn-decided`: a turn is decided, nothing of it is sent
 * - `turn-sent`: its commit is sent, whether it happens is not known
 * - `turn-committed`: it is committed, and nobody has used the answer
 * - `…-wanted`: an effect is about to be asked for; `…-done`: it has happened, and its outcome is not recorded
 * - `observed`: the outside was read, and nothing of it is recorded
 * - `observation-recorded`, `samples-recorded`: they are, and the lane is not given back
 * - `tree-signed`: a checkpoint is signed and not committed
 * - `tree-committed`: it is committed, and the file outside the database is the one before
 */
export type FaultName =
  | 'turn-decided'
  | 'turn-sent'
  | 'turn-committed'
  | 'workload-wanted'
  | 'workload-done'
  | 'shift-wanted'
  | 'shift-done'
  | 'removal-wanted'
  | 'removal-done'
  | 'observed'
  | 'observation-recorded'
  | 'samples-recorded'
  | 'tree-signed'
  | 'tree-committed';

const point = (at: FaultName, occurrence: number, quick = false): FaultPoint => ({ at, occurrence, quick });

export const faultPoints: readonly FaultPoint[] = [
  point('turn-decided', 2),
  point('turn-sent', 1),
  point('turn-committed', 1),
  point('turn-committed', 3, true),
  point('workload-wanted', 1),
  point('workload-done', 1),
  point('shift-wanted', 2),
  point('shift-done', 1, true),
  point('shift-done', 3),
  point('removal-wanted', 1),
  point('removal-done', 1),
  point('observed', 2),
  point('observation-recorded', 3),
  point('samples-recorded', 2),
  point('tree-signed', 2),
  point('tree-committed', 1),
];
