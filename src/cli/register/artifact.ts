import type { Command } from 'commander';
import { described } from './shared.ts';

/** What is done with artifacts and keys on one's own machine, without a server. */
export function registerArtifact(program: Command): void {
  const artifact = program.command('artifact').description('Artifacts: pack a folder, make a key, sign');

  described(artifact.command('pack <folder>'), 'Pack a folder so that the same files give the same digest', [
    'belay artifact pack dist --file shop-v2.tar.gz',
  ])
    .option('--file <file>', 'where to', 'artifact.tar.gz')
    .action(async (folder, options) =>
      (await import('../commands/artifact.ts')).packArtifact(folder, options),
    );

  described(artifact.command('key <file>'), 'Make an Ed25519 key pair for signing', [
    'belay artifact key ci.pem',
  ]).action(async (file) => (await import('../commands/artifact.ts')).makeKey(file));

  described(
    artifact.command('sign <file>'),
    'Sign provenance of an artifact, or the report of a check on it',
    [
      'belay artifact sign shop-v2.tar.gz --key ci.pem --out provenance.dsse.json',
      'belay artifact sign shop-v2.tar.gz --key qa.pem --check e2e --out e2e.dsse.json',
    ],
  )
    .requiredOption('--key <file>', 'the private key (PEM, PKCS #8, Ed25519)')
    .option('--out <file>', 'where to', 'provenance.dsse.json')
    .option('--builder <uri>', 'who built it', 'https://belay.dev/builder/local')
    .option('--check <name>', 'report this check instead')
    .option('--failed', 'the check did not pass', false)
    .action(async (file, options) => (await import('../commands/artifact.ts')).signArtifact(file, options));
}
