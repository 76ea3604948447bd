import { parentPort, workerData } from 'node:worker_threads';
import { rowsOf, type Sizes } from './plan.ts';
import { playUnit, type Unit } from './play-unit.ts';

/** Plays units as they come, and answers with what was played. */
const sizes = workerData as Sizes;
const rows = rowsOf(sizes);
parentPort?.on('message', (unit: Unit) => parentPort?.postMessage(playUnit(rows, unit, sizes), []));
