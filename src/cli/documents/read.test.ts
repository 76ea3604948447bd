import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { belaySchema } from './json-schema.ts';
import { pointerParts } from './load.ts';
import { readDocuments } from './read.ts';
import { readYaml } from './yaml.ts';

const bounds = { characters: 100_000, nodes: 1_000, documents: 10 };

const head = 'apiVersion: belay.dev/v1alpha1\n';
const project = `${head}kind: Project\nmetadata: {name: shop}\nspec: {}\n`;
const complaints = (text: string): readonly string[] =>
  readDocuments('f', text).complaints.map((c) => `${c.line}:${c.column} ${c.message}; ${c.fix}`);

test('several documents of one file are read', () => {
  const read = readDocuments('f', `---\n${project}---\n${project}...\n`);
  assert.deepEqual(read.complaints, []);
  assert.deepEqual(
    read.documents.map((one) => one.document.kind),
    ['Project', 'Project'],
  );
});

test('places lead back into the file', () => {
  const read = readDocuments('f', `---\n${project}`);
  assert.deepEqual(read.documents[0]?.placeOf(['metadata', 'name']), { line: 4, column: 18 });
  assert.deepEqual(read.documents[0]?.placeOf(['metadata', 'gone', 'deeper']), { line: 4, column: 11 });
  assert.deepEqual(pointerParts('/spec/stages/0/a~1b'), ['spec', 'stages', 0, 'a/b']);
});

const stage = (line: string): string =>
  `${head}kind: Pipeline\nmetadata: {name: shop, project: shop}\nspec:\n  service: shop\n  stages:\n    - name: a\n      environment: e\n      ${line}\n`;

test('each kind of mistake has its place, what is wrong, and what was expected', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    [`${head}kind: Pipelin\n`, ['2:7 kind is “Pipelin”; did you mean Pipeline?']],
    [`${head}metadata: {}\n`, ['1:1 kind is missing; expected Project, Environment, Pipeline']],
    [
      'apiVersion: v1\nkind: Project\nmetadata: {name: a}\nspec: {}\n',
      ['1:13 apiVersion is “v1”; expected belay.dev/v1alpha1'],
    ],
    [stage('promot: auto'), ['9:7 promot is unknown here; did you mean promote?']],
    [stage('promote: atuo'), ['9:16 promote is “atuo”; did you mean auto?']],
    [stage('gates: [{kind: approvl, name: x}]'), ['9:22 kind is “approvl”; did you mean approval?']],
    [
      stage('gates: [{name: x}]'),
      ['9:15 kind is missing; expected signature, tests, approval, metric, soak, window, check'],
    ],
    [
      stage('rollout: {steps: [100], stepAtLeast: 20}'),
      ['9:44 stepAtLeast is 20, without a unit; expected a duration such as 5s, 2m, 1h30m or 7d'],
    ],
    [
      stage('verification: [{kind: soak, name: a, healthyFor: 10}]'),
      ['9:56 healthyFor is 10, without a unit; expected a duration such as 5s, 2m, 1h30m or 7d'],
    ],
    [stage('rollout: {steps: [30, 10, 100]}'), ['9:24 steps must rise; mend steps']],
    [stage('rollout: {steps: [10, 30]}'), ['9:24 the last step must be 100; mend steps']],
    [
      stage('rollout: {stepAtLeast: soon}'),
      ['9:30 stepAtLeast is “soon”; expected a duration such as 5s, 2m, 1h30m or 7d'],
    ],
    [stage('after: staging'), ['9:14 after is “staging”; expected a list']],
    ['a: 1\na: 2\n', ['2:1 Map keys must be unique; each key once']],
    ['', ['1:1 the file holds no document; a Project, an Environment or a Pipeline']],
    ['just words\n', ['1:1 the document is “just words”; expected a mapping']],
  ];
  for (const [text, expected] of cases) assert.deepEqual(complaints(text), expected, text);
});

test('what YAML allows and no document needs is refused, not obeyed', () => {
  assert.match(complaints(`${'['.repeat(60)}${']'.repeat(60)}`)[0] ?? '', /nested too deeply/);
  assert.match(complaints(`${'- '.repeat(200_000)}x`)[0] ?? '', /nested too deeply/);
  assert.match(complaints(`${'? '.repeat(200_000)}x`)[0] ?? '', /nested too deeply|valid|YAML/);
  assert.match(complaints(`a: ${'x'.repeat(1_000_001)}`)[0] ?? '', /the file has \d+ characters/);
  assert.match(complaints('__proto__: {polluted: true}\n')[0] ?? '', /__proto__ is no key/);
  assert.match(complaints('a: !!js/function x\n')[0] ?? '', /tag|Unresolved/);
  const bomb = `a: &a [x]\n${Array.from({ length: 60 }, (_, i) => `b${i}: *a`).join('\n')}\n`;
  assert.match(complaints(bomb)[0] ?? '', /too many aliases/);
  assert.match(complaints(project.replace('spec: {}', 'spec: {trust: .nan}'))[0] ?? '', /trust/);
  assert.equal(({} as Record<string, unknown>)['polluted'], undefined);
});

test('aliases to nothing, to themselves, and of aliases of aliases are refused', () => {
  assert.match(complaints('a: *gone\n')[0] ?? '', /^1:4 alias gone stands for nothing/);
  assert.match(complaints('a: &a [x, *a]\n')[0] ?? '', /^1:11 alias a stands in what it stands for/);
  const ten = (name: string): string => `[${Array.from({ length: 10 }, () => name).join(', ')}]`;
  const bomb = `a: &a ${ten('x')}\nb: &b ${ten('*a')}\nc: &c ${ten('*b')}\nd: ${ten('*c')}\n`;
  assert.match(complaints(bomb)[0] ?? '', /aliases cannot be followed/);
  const few = project
    .replace('spec: {}', 'spec: {trust: &none []}')
    .replace('{name: shop}', '&m {name: shop}');
  assert.deepEqual(complaints(few), []);
});

test('brackets and dashes in a text are no nesting', () => {
  const text = `apiVersion: v1\nkind: ConfigMap\ndata:\n  a: |\n    ${'[{('.repeat(60)}\n    ${' '.repeat(200)}x\n  b: "${'['.repeat(60)}"\n  c: ${'-'.repeat(200)}\n`;
  assert.deepEqual(readYaml('f', text, bounds).complaints, []);
  assert.match(readYaml('f', 'a: 1\n---\n'.repeat(11), bounds).complaints[0]?.message ?? '', /12 documents/);
  assert.match(
    readYaml('f', `[${'1,'.repeat(1_100)}]`, bounds).complaints[0]?.message ?? '',
    /too many values/,
  );
});

test('nothing that is in a file throws', () => {
  const pieces = [
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '!!map ',
    '? ',
    '---\n',
    '"',
    "'",
    '|\n',
    '>-\n',
    '<<: ',
    '#',
    '%YAML 9\n',
    '\t',
    '@',
    '\u0000',
    '{{- x }}',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 40 }), (parts) => {
      const { documents, complaints: found } = readYaml('f', parts.join(''), bounds);
      for (const { value, placeOf } of documents) {
        JSON.stringify(value);
        assert.ok(placeOf(['a', 0, 'b']).line >= 1);
      }
      for (const one of found) assert.ok(one.line >= 1 && one.column >= 1);
    }),
    { numRuns: 3_000 },
  );
});

test('the JSON Schema names every kind', () => {
  const text = JSON.stringify(belaySchema());
  for (const kind of ['Project', 'Environment', 'Pipeline'])
    assert.ok(text.includes(`"const":"${kind}"`), kind);
  assert.ok(!text.includes('"$ref":"#/undefined'));
});
