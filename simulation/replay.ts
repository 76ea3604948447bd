import { play } from './play.ts';

/** Plays one seed again: `./scripts/run simulation/replay.ts --seed N`. */
const at = process.argv.indexOf('--seed');
const seed = at < 0 ? '1' : (process.argv[at + 1] ?? '1');
const played = await play(seed);
console.log(JSON.stringify(played, null, 2));
process.exitCode = played.violations.length > 0 ? 1 : 0;
