import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allOf, anyOf, type Verdict } from './verdict.ts';

const verdicts: readonly Verdict[] = ['pass', 'fail', 'insufficient', 'error', 'pending'];

// Rows and columns in the order above.
const allTable: readonly (readonly Verdict[])[] = [
  ['pass', 'fail', 'insufficient', 'error', 'pending'],
  ['fail', 'fail', 'fail', 'fail', 'fail'],
  ['insufficient', 'fail', 'insufficient', 'error', 'insufficient'],
  ['error', 'fail', 'error', 'error', 'error'],
  ['pending', 'fail', 'insufficient', 'error', 'pending'],
];
const anyTable: readonly (readonly Verdict[])[] = [
  ['pass', 'pass', 'pass', 'pass', 'pass'],
  ['pass', 'fail', 'insufficient', 'error', 'pending'],
  ['pass', 'insufficient', 'insufficient', 'insufficient', 'insufficient'],
  ['pass', 'error', 'insufficient', 'error', 'pending'],
  ['pass', 'pending', 'insufficient', 'pending', 'pending'],
];

test('the truth tables of all-of and any-of', () => {
  for (const [i, a] of verdicts.entries())
    for (const [j, b] of verdicts.entries()) {
      assert.equal(allOf([a, b]), allTable[i]?.[j], `all of ${a}, ${b}`);
      assert.equal(anyOf([a, b]), anyTable[i]?.[j], `any of ${a}, ${b}`);
    }
});

test('of nothing: all is pass, any is fail', () => {
  assert.equal(allOf([]), 'pass');
  assert.equal(anyOf([]), 'fail');
});

test('order does not matter, and only pass opens', () => {
  for (const a of verdicts)
    for (const b of verdicts) {
      assert.equal(allOf([a, b]), allOf([b, a]));
      assert.equal(anyOf([a, b]), anyOf([b, a]));
      assert.equal(allOf([a, b]) === 'pass', a === 'pass' && b === 'pass');
      assert.equal(anyOf([a, b]) === 'pass', a === 'pass' || b === 'pass');
    }
});
