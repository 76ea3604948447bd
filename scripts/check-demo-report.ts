import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** Checks that a demo's report says what every run of the demo has to come to. Usage: check-demo-report.ts FILE */

const Report = z.object({
  versions: z.array(
    z.object({
      release: z.string(),
      version: z.string(),
      outcome: z.enum(['promoted', 'rolled-back', 'refused', 'not-ready']),
      reason: z.string().min(1),
      requests: z.int(),
      failed: z.int(),
      secondsToZero: z.number().nullable(),
    }),
  ),
  evidence: z.object({ verified: z.boolean(), tamperedRefused: z.boolean() }),
  memoryMegabytes: z.number().nullable(),
  seconds: z.number(),
});

const wanted = {
  v1: 'promoted',
  v2: 'promoted',
  v3: 'rolled-back',
  v4: 'rolled-back',
  v5: 'refused',
  v6: 'not-ready',
};
const mostMegabytes = 700;

const file = process.argv[2];
if (file === undefined) throw new Error('usage: check-demo-report.ts FILE');
const report = Report.parse(JSON.parse(readFileSync(file, 'utf8')));
const problems: string[] = [];
for (const [version, outcome] of Object.entries(wanted)) {
  const found = report.versions.find((v) => v.version === version);
  if (found?.outcome !== outcome)
    problems.push(`${version} is ${found?.outcome ?? 'missing'}, not ${outcome}`);
  if (outcome === 'promoted' && found?.failed !== 0)
    problems.push(`${version} failed ${found?.failed} requests`);
  if ((found?.secondsToZero !== null) !== (outcome === 'rolled-back'))
    problems.push(`${version}: secondsToZero is ${found?.secondsToZero}`);
  const neverServed = outcome === 'refused' || outcome === 'not-ready';
  if (neverServed && found?.requests !== 0) problems.push(`${version} got ${found?.requests} requests`);
}
if (!report.evidence.verified) problems.push('the evidence was not verified');
if (!report.evidence.tamperedRefused) problems.push('tampered evidence was not refused');
if (report.memoryMegabytes !== null && report.memoryMegabytes > mostMegabytes)
  problems.push(`${report.memoryMegabytes} MB are more than ${mostMegabytes}`);
for (const problem of problems) console.error(problem);
console.log(JSON.stringify(report, null, 2));
process.exitCode = problems.length === 0 ? 0 : 1;
