import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { countTests } from './junit.ts';

const counts = (xml: string) => {
  const counted = countTests(xml);
  assert.ok(counted.ok, xml);
  return [counted.value.total, counted.value.failed, counted.value.skipped];
};

test('cases are counted through nested suites, whatever their producers call them', () => {
  assert.deepEqual(counts('<testsuite/>'), [0, 0, 0]);
  assert.deepEqual(
    counts('<?xml version="1.0"?><testsuites><testsuite><testcase/></testsuite></testsuites>'),
    [1, 0, 0],
  );
  const nested = `<testsuites><testsuite name="a"><testcase name="1"/>
    <testsuite><testcase><error/></testcase><testcase><skipped message="later"/></testcase></testsuite>
    </testsuite><testsuite><testcase><failure>&lt;x&gt;</failure><system-out>failure</system-out></testcase></testsuite></testsuites>`;
  assert.deepEqual(counts(nested), [4, 2, 1]);
});

test('a suite that claims more failures than its cases show is believed', () => {
  assert.deepEqual(counts('<testsuite errors="1" failures="0"/>'), [1, 1, 0]);
  assert.deepEqual(counts('<testsuite failures="2"><testcase><failure/></testcase></testsuite>'), [2, 2, 0]);
  assert.deepEqual(counts('<testsuite failures="0"><testcase><failure/></testcase></testsuite>'), [1, 1, 0]);
  assert.deepEqual(counts('<testsuite failures="-1e9"><testcase/></testsuite>'), [1, 0, 0]);
});

test('a failing case is not hidden by being skipped too, nor by its name', () => {
  assert.deepEqual(counts('<testsuite><testcase><skipped/><failure/></testcase></testsuite>'), [1, 1, 0]);
  assert.deepEqual(counts('<testsuite><testcase><hasOwnProperty/></testcase></testsuite>'), [1, 0, 0]);
});

test('no text makes it throw', () => {
  const piece = fc.constantFrom(
    '<testsuite>',
    '</testsuite>',
    '<testcase/>',
    '<testcase>',
    '</testcase>',
    '<failure/>',
    '<__proto__>',
    '</__proto__>',
    '<constructor/>',
    '<![CDATA[',
    ']]>',
    '<!--',
    '-->',
    '&lt;',
    '&x;',
    '<a b="c"',
    '>',
  );
  fc.assert(
    fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 20 }), (pieces) => {
      countTests(pieces.join(''));
    }),
  );
});
