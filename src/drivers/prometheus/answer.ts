import { z } from 'zod';
import { err, ok } from '../../core/model/result.ts';
import type { Result } from '../../core/model/result.ts';

/** One series: its labels, and its samples as `[seconds, value as text]`, rising in time. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly values: readonly (readonly [number, string])[];
}

/*
 * The answer of `/api/v1/query` (Prometheus' HTTP API, "Instant queries"). Unknown fields are let through, as newer
 * versions add some; whatever is used is checked.
 */
const Point = z.tuple([z.number(), z.string()]);
const Labels = z.record(z.string(), z.string());
const RangeVector = z.object({
  resultType: z.literal('matrix'),
  result: z.array(
    z.object({
      metric: Labels,
      values: z.array(Point).optional(),
      histograms: z.array(z.unknown()).optional(),
    }),
  ),
});
const InstantVector = z.object({
  resultType: z.literal('vector'),
  result: z.array(z.object({ metric: Labels, value: Point.optional(), histogram: z.unknown().optional() })),
});
const Envelope = z.discriminatedUnion('status', [
  z.object({ status: z.literal('error'), errorType: z.string().optional(), error: z.string().optional() }),
  z.object({
    status: z.literal('success'),
    data: z.discriminatedUnion('resultType', [RangeVector, InstantVector]),
    warnings: z.array(z.string()).nullish(),
  }),
]);

/**
 * The series of an answer; or in words why it cannot be used: an error under any status, a warning (a part of the
 * data is missing then), a native histogram, or a form that is not the documented one.
 */
export function parseAnswer(text: string): Result<readonly Series[], string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err('its answer is not JSON');
  }
  const parsed = Envelope.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return err(`its answer is not as documented: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  }
  const envelope = parsed.data;
  if (envelope.status === 'error')
    return err(
      `it answered with an error: ${envelope.errorType ?? ''}: ${envelope.error ?? 'no reason given'}`,
    );
  const [warning] = envelope.warnings ?? [];
  if (warning !== undefined) return err(`its answer comes with a warning, so it may be partial: ${warning}`);
  return seriesOf(envelope.data);
}

type Data = z.infer<typeof RangeVector> | z.infer<typeof InstantVector>;

function seriesOf(data: Data): Result<readonly Series[], string> {
  const series: Series[] = [];
  if (data.resultType === 'matrix') {
    for (const { metric, values, histograms } of data.result) {
      if (histograms !== undefined) return err(nativeHistogram(metric));
      series.push({ labels: metric, values: values ?? [] });
    }
  } else {
    for (const { metric, value, histogram } of data.result) {
      if (histogram !== undefined) return err(nativeHistogram(metric));
      series.push({ labels: metric, values: value === undefined ? [] : [value] });
    }
  }
  return ok(series);
}

const nativeHistogram = (labels: Readonly<Record<string, string>>): string =>
  `${labels['__name__'] ?? 'a series'} is a native histogram, which is not read: name classic buckets`;
