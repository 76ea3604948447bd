import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fitLines } from './output.ts';

const lines = ['TIME  WHAT', '09:30  one two three four five six seven eight nine ten eleven twelve'];

test('without a terminal a table is left as it is', () => {
  assert.deepEqual(fitLines(lines, 7, null), lines);
});

test('a last cell that is too long goes on under itself', () => {
  assert.deepEqual(fitLines(lines, 7, 50), [
    'TIME  WHAT',
    '09:30  one two three four five six seven eight',
    '       nine ten eleven twelve',
  ]);
});

test('where the other columns leave little room it goes under its row', () => {
  assert.deepEqual(fitLines(lines, 7, 40), [
    'TIME  WHAT',
    '09:30',
    '    one two three four five six seven',
    '    eight nine ten eleven twelve',
  ]);
});
