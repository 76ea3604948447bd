import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { BelayDocument } from '../../core/model/documents.ts';
import { PrometheusSource } from '../../core/model/metrics-source.ts';

test('what docs/metrics.md tells people to write is valid', () => {
  const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const blocks = [...page.matchAll(/^```yaml\n(.*?)^```$/gms)].map(
    ([, block]) => parse(block ?? '') as object,
  );
  assert.equal(blocks.length, 6);
  for (const block of blocks) {
    const read =
      'kind' in block
        ? BelayDocument.safeParse(block)
        : PrometheusSource.safeParse((block as { metrics: unknown }).metrics);
    assert.ok(read.success, JSON.stringify([block, read.error]));
  }
});
