import { argv } from 'node:process';

// Asked for by scripts and prompts: answered before anything else is loaded.
if (argv.length === 3 && (argv[2] === '--version' || argv[2] === '-V')) {
  const { version } = await import('./version.ts');
  process.stdout.write(`${version}\n`);
} else {
  // A reader that has seen enough (`belay history | head`) is no failure.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
  const { run } = await import('./program.ts');
  await run(argv.slice(2));
}
