import { WhereAnswer } from '../../server/schemas.ts';
import { connect } from '../connect.ts';
import { CliFailure } from '../failure.ts';
import type { OutputFormat } from '../output-formats.ts';
import { age, printAnswer } from '../output.ts';
import type { ConnectionOptions } from '../settings.ts';

/** Prints in which releases, stages and environments a commit, digest or release is. */
export async function where(
  query: string,
  options: ConnectionOptions & { readonly output?: OutputFormat },
): Promise<void> {
  const client = await connect(options);
  const answer = await client.get('/v1/where', { q: query }, WhereAnswer);
  if (answer.releases.length === 0)
    throw new CliFailure('error', `no release has ${query}`, [
      'belay release list',
      'a commit is known once CI has opened a release for it',
    ]);
  const now = Date.now();
  const rows = answer.releases.flatMap((release) => {
    const places = [
      ...new Set([...release.stages.map((s) => s.environment), ...release.running.map((r) => r.environment)]),
    ];
    return (places.length === 0 ? [null] : places).map((environment) => ({ release, environment }));
  });
  type Row = (typeof rows)[number];
  const stageOf = ({ release, environment }: Row) =>
    release.stages.find((s) => s.environment === environment);
  await printAnswer(options.output, answer, {
    rows,
    columns: [
      { heading: 'RELEASE', cell: ({ release }) => release.name },
      { heading: 'SERVICE', cell: ({ release }) => release.service },
      { heading: 'COMMIT', cell: ({ release }) => release.commit.slice(0, 12) },
      { heading: 'ENVIRONMENT', cell: ({ environment }) => environment ?? '' },
      {
        heading: 'STATE',
        cell: (row) => stageOf(row)?.state ?? (row.release.sealed === null ? 'open' : 'sealed'),
      },
      {
        heading: 'TRAFFIC',
        cell: ({ release, environment }) => {
          const weight = release.running.find((r) => r.environment === environment)?.weight;
          return weight === undefined ? '' : `${weight}%`;
        },
      },
      { heading: 'DIGEST', cell: ({ release }) => release.sealed?.artifact.digest ?? '', wide: true },
      { heading: 'AGE', cell: (row) => age(stageOf(row)?.at ?? row.release.openedAt, now) },
    ],
    name: ({ release }) => `release/${release.project}/${release.service}/${release.name}`,
    empty: '',
  });
}
