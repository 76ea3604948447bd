import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parse } from 'yaml';
import { roleRules } from './permissions.ts';

test('the Role in the documentation is what the driver asks for', () => {
  const page = readFileSync(new URL('../../../docs/kubernetes.md', import.meta.url), 'utf8');
  const role = [...page.matchAll(/```yaml\n([\s\S]*?)```/g)]
    .map(([, text = '']) => parse(text) as { kind: string; rules: unknown })
    .find(({ kind }) => kind === 'Role');
  assert.deepEqual(role?.rules, roleRules);
});
