import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServerSentParser } from './events.ts';

const text = ': hello\r\n\r\nid: 7\r\ndata: {"a":\r\ndata: 1}\r\n\r\nevent: other\ndata:x\n\nid: 8\n\n';
const expected = [
  { id: '7', event: 'message', data: '{"a":\n1}' },
  { id: '7', event: 'other', data: 'x' },
];

test('messages are the same in pieces of any size', () => {
  for (let size = 1; size <= text.length; size++) {
    const parser = new ServerSentParser();
    const messages = [];
    for (let i = 0; i < text.length; i += size) messages.push(...parser.push(text.slice(i, i + size)));
    assert.deepEqual(messages, expected, `pieces of ${size}`);
  }
});
