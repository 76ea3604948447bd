import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { argv, env } from 'node:process';

// Asked for by scripts and prompts: answered before anything else is loaded.
if (argv.length === 3 && (argv[2] === '--version' || argv[2] === '-V')) {
  const { version } = await import('./version.ts');
  process.stdout.write(`${version}\n`);
} else {
  // Halves the start from the second time on. Where the folder cannot be written, nothing is kept.
  const caches = env['XDG_CACHE_HOME'] ?? '';
  enableCompileCache(join(caches.startsWith('/') ? caches : join(homedir(), '.cache'), 'belay', 'compiled'));
  // A reader that has seen enough (`belay history | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const { run } = await import('./program.ts');
  await run(argv.slice(2));
}
