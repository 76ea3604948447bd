import type { TestEvent } from 'node:test/reporters';

/** A test as a line of the report. */
interface Reported {
  readonly file: string;
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  /** What the test has measured and said. */
  readonly said: string[];
  readonly error: string | null;
}

const shortened = (file = ''): string => file.replace(/^.*\/e2e\/cluster\//, '');

/** A reporter for node:test: all tests with their times, what they measured and why they failed, as one JSON document. */
// oxlint-disable-next-line import/no-default-export -- so node:test takes a reporter
export default async function* jsonReporter(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const began = new Date();
  const tests: Reported[] = [];
  for await (const event of source) {
    if (event.type === 'test:diagnostic' && event.data.nesting === 0)
      tests.findLast(({ file }) => file === shortened(event.data.file))?.said.push(event.data.message);
    if (event.type !== 'test:pass' && event.type !== 'test:fail') continue;
    if (event.data.nesting > 0) continue;
    const { file, name, details } = event.data;
    tests.push({
      file: shortened(file),
      name,
      passed: event.type === 'test:pass',
      seconds: Math.round(details.duration_ms / 100) / 10,
      said: [],
      error:
        event.type === 'test:fail'
          ? String(event.data.details.error.cause ?? event.data.details.error)
          : null,
    });
  }
  const passed = tests.filter((one) => one.passed).length;
  const seconds = Math.round((Date.now() - began.getTime()) / 1_000);
  yield `${JSON.stringify({ began: began.toISOString(), seconds, passed, failed: tests.length - passed, tests }, null, 2)}\n`;
}
