import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { z } from 'zod';
import { Sample } from '../core/model/observation.ts';
import { complaintsOf } from './documents/complaints.ts';
import { CliFailure, usage } from './failure.ts';
import { say } from './terminal.ts';

/** Samples as they were recorded, checked line by line. */
export interface Recording {
  /** How it is called in messages. */
  readonly name: string;
  readonly size: number;
  /** The first and the last time, in seconds. */
  readonly span: readonly [from: number, to: number];
  /** What the lines of each arm show. */
  readonly arms: Readonly<Record<Sample['arm'], Shown>>;
  /** The names of what is counted as bad, in either arm. */
  readonly counted: ReadonlySet<string>;
  /** In the order of time. Lines are kept as text, which takes a tenth of the room, and parsed anew at each walk. */
  readonly samples: Iterable<Sample>;
}

interface Shown {
  readonly pods: ReadonlySet<string>;
  /** The finite upper bounds of latency that any line has. */
  readonly bounds: ReadonlySet<number>;
}

/** Longer than any sample: a file without line ends must not fill the memory. */
const mostCharacters = 100_000;

/** Reads samples, one JSON object a line; `-` is stdin. Whatever is wrong names the file, the line and the field. */
export async function readRecording(file: string): Promise<Recording> {
  const name = file === '-' ? 'stdin' : file;
  const taken = beginRecording(name);
  let number = 0;
  try {
    const input = file === '-' ? process.stdin.setEncoding('utf8') : createReadStream(file, 'utf8');
    for await (const line of createInterface({ input, crlfDelay: Infinity })) {
      number += 1;
      if (line.trim() === '') continue;
      // Some editors begin a file with a byte order mark.
      taken.add(number === 1 ? line.replace(/^\uFEFF/, '') : line, `${name}:${number}`);
    }
  } catch (error) {
    if (error instanceof CliFailure) throw error;
    throw usage(`cannot read ${name}: ${(error as Error).message}`);
  }
  return taken.end();
}

interface Taking {
  readonly add: (line: string, place: string) => void;
  readonly end: () => Recording;
}

function beginRecording(name: string): Taking {
  const lines: string[] = [];
  const times: number[] = [];
  const seen = () => ({ pods: new Set<string>(), bounds: new Set<number>() });
  const arms = { canary: seen(), stable: seen() };
  const counted = new Set<string>();
  let startsLate = false;
  return {
    add: (line, place) => {
      const sample = checkedSample(line, place);
      lines.push(line);
      times.push(sample.t);
      arms[sample.arm].pods.add(sample.pod);
      for (const bound of boundsOf(sample)) arms[sample.arm].bounds.add(bound);
      for (const key of Object.keys(sample.bad)) counted.add(key);
      if (startsLate || sample.started === undefined || sample.started <= sample.t + clocksApart) return;
      startsLate = true;
      say(
        `${place}: started (${sample.started}) is after t (${sample.t}); both are seconds since the same moment`,
      );
    },
    end: () => {
      if (lines.length === 0)
        throw new CliFailure('error', `${name} holds no samples`, [
          'one JSON object a line, see docs/canary.md',
        ]);
      return {
        name,
        size: lines.length,
        span: [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))],
        arms,
        counted,
        samples: inOrder(lines, times),
      };
    },
  };
}

/** Seconds by which the clocks of a pod and of whoever scrapes it may be apart. */
const clocksApart = 5;

/** The lines by their times; those of one time as they stand in the file. */
function inOrder(lines: readonly string[], times: readonly number[]): Iterable<Sample> {
  const order = times.every((t, i) => i === 0 || t >= (times[i - 1] ?? t))
    ? null
    : times.map((_, i) => i).sort((a, b) => (times[a] ?? 0) - (times[b] ?? 0));
  return {
    *[Symbol.iterator]() {
      for (let i = 0; i < lines.length; i++)
        // Each was checked when it was read.
        yield sampleOf(JSON.parse(lines[order?.[i] ?? i] ?? '') as WrittenSample);
    },
  };
}

/**
 * A line as people and exporters write it: without latency where none is measured; without a start or a readiness, or
 * null for it, where a pod has none.
 */
const WrittenSample = Sample.extend({
  started: Sample.shape.started.nullable(),
  ready: Sample.shape.ready.nullable(),
  latencyMs: Sample.shape.latencyMs.optional(),
});
type WrittenSample = z.infer<typeof WrittenSample>;

function sampleOf({ started, ready, latencyMs = {}, ...sample }: WrittenSample): Sample {
  return {
    ...sample,
    latencyMs: Object.keys(latencyMs).every(isCanonical)
      ? latencyMs
      : Object.fromEntries(Object.entries(latencyMs).map(([bound, count]) => [canonical(bound), count])),
    ...(typeof started === 'number' ? { started } : {}),
    ...(typeof ready === 'number' ? { ready } : {}),
  };
}

/** "250" and "250.0" are one bound. */
const canonical = (bound: string): string => (bound === '+Inf' ? bound : String(Number(bound)));
const isCanonical = (bound: string): boolean => canonical(bound) === bound;

/** The finite upper bounds of a sample's latency, rising. */
const boundsOf = ({ latencyMs }: Sample): readonly number[] =>
  Object.keys(latencyMs)
    .filter((bound) => bound !== '+Inf')
    .map(Number)
    .sort((a, b) => a - b);

function checkedSample(line: string, place: string): Sample {
  const refuse = (message: string, ...fix: readonly string[]): never => {
    throw new CliFailure('error', `${place}: ${message}`, fix);
  };
  if (line.startsWith('\u001F')) refuse('compressed', 'gunzip -c FILE | belay analysis replay -');
  if (line.length > mostCharacters) refuse(`longer than ${mostCharacters} characters; one sample a line`);
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch (error) {
    refuse(`not JSON: ${(error as Error).message}; one JSON object a line`);
  }
  if (Array.isArray(json))
    refuse('a list; one JSON object a line', 'jq -c ".[]" FILE | belay analysis replay -');
  const read = WrittenSample.safeParse(json);
  if (!read.success) return refuse(complaintOf(read.error, json));
  const sample = sampleOf(read.data);
  const wrong = wrongLatency(sample);
  return wrong === null ? sample : refuse(`latencyMs: ${wrong}`);
}

/** What each field is, for whoever has written another thing. */
const expected: Readonly<Record<string, string>> = {
  t: 'the time of the scrape in seconds, a number',
  arm: 'canary or stable',
  pod: 'the name of the pod, 1 to 200 characters',
  started: 'the time at which the process started in seconds, a number',
  ready: 'the time at which the pod became ready in seconds, a number',
  weight: 'the canary’s share of traffic, a number from 0 to 1',
  requests: 'the counter as scraped, a whole number from 0 to 2^53',
  bad: 'counters as scraped by name, such as {"errors": 9}',
  latencyMs: 'cumulative counts by upper bound in milliseconds, such as {"250": 1822, "+Inf": 1834}',
  saturation: 'how full the pod is, a number from 0',
};

function complaintOf(error: z.ZodError, json: unknown): string {
  const [complaint] = complaintsOf(error, json);
  if (complaint === undefined) return 'not a sample';
  const { path, key, message } = complaint;
  if (key !== undefined) return `${message}; a line has ${Object.keys(expected).join(', ')}`;
  const [field, ...inner] = path;
  const fix = expected[String(field)] ?? 'a JSON object';
  return `${inner.length > 0 ? `${String(field)}: ` : ''}${message}; expected ${fix}`;
}

/** What makes a histogram none; null where it is one. */
function wrongLatency(sample: Sample): string | null {
  const { latencyMs } = sample;
  const bounds = boundsOf(sample);
  if (bounds.length > 0 && !('+Inf' in latencyMs)) return '+Inf is missing, the count of all requests';
  const fall = bounds.find((bound, i) => (latencyMs[bound] ?? 0) < (latencyMs[bounds[i - 1] ?? bound] ?? 0));
  if (fall === undefined) return null;
  const before = bounds[bounds.indexOf(fall) - 1] ?? fall;
  return `counts are cumulative by upper bound, and ${fall} has ${latencyMs[fall]}, fewer than ${before} with ${latencyMs[before]}`;
}
