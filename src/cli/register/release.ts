import type { Command } from 'commander';
import { collect, connected, described, printing } from './shared.ts';

/** What CI does: open a release, attach evidence, seal it. */
export function registerRelease(program: Command): void {
  const release = program.command('release').description('Releases: open, attach, seal, show, list');

  const open = described(release.command('open <service> <name>'), 'Open a release for a commit', [
    'belay release open shop shop-v2 --commit "$(git rev-parse HEAD)" --contributor github:1234',
  ])
    .requiredOption('--commit <id>', 'the commit id in hex')
    .option('--summary <text>', 'what changed', '')
    .option('--contributor <id>', 'an author or committer (again for each)', collect, []);
  printing(connected(open)).action(async (service, name, options) =>
    (await import('../commands/release.ts')).openRelease(service, name, options),
  );

  const attach = described(release.command('attach <release>'), 'Attach evidence about an artifact', [
    'belay release attach shop-v2 --tests unit.xml --artifact shop.tar',
    'belay release attach shop-v2 --statement provenance.dsse.json',
  ])
    .option('--tests <file>', 'a JUnit XML report')
    .option('--statement <file>', 'a DSSE envelope with an in-toto statement')
    .option('--name <name>', 'the name of the report or statement (unit, or the file’s name)')
    .option('--artifact <file or digest>', 'what the tests are about')
    .option('--service <name>', 'the service, where several have a release of this name');
  printing(connected(attach)).action(async (name, options) =>
    (await import('../commands/release.ts')).attachToRelease(name, options),
  );

  const seal = described(
    release.command('seal <release>'),
    'Fix what the release is; nothing can be added to it',
    [
      'belay release seal shop-v2 --artifact shop.tar',
      'belay release seal shop-v2 --image registry.example/shop@sha256:… --bundle manifests.yaml',
    ],
  )
    .option('--artifact <file or digest>', 'the artifact; a file is uploaded')
    .option('--image <reference>', 'the artifact, where it is an image: REGISTRY/REPOSITORY@sha256:…')
    .option('--artifact-name <name>', 'how it is called; the file’s name, or the repository, unless told')
    .option('--bundle <file or digest>', 'its manifests for Kubernetes; a file is checked and uploaded')
    .option('--pipeline <name>', 'the pipeline whose stages may ask for it by themselves')
    .option('--contributor <id>', 'a further author or committer (again for each)', collect, [])
    .option('--service <name>', 'the service, where several have a release of this name');
  printing(connected(seal)).action(async (name, options) =>
    (await import('../commands/release.ts')).sealRelease(name, options),
  );

  const show = described(release.command('show <release>'), 'One release with its evidence and stages', [
    'belay release show shop-v2',
  ]).option('--service <name>', 'the service, where several have a release of this name');
  printing(connected(show)).action(async (name, options) =>
    (await import('../commands/release.ts')).showRelease(name, options),
  );

  const list = described(release.command('list [service]'), 'Releases, newest first', [
    'belay release list shop',
    'belay release list -o name',
  ]).option('--limit <count>', 'how many', '30');
  printing(connected(list)).action(async (service, options) =>
    (await import('../commands/release.ts')).listReleases(service, options),
  );
}
