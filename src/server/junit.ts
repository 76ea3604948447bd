import { XMLParser } from 'fast-xml-parser';
import type { TestCounts } from '../core/model/release.ts';
import { err, ok, type Result } from '../core/model/result.ts';

const deepestNesting = 30;

type Node = Readonly<Record<string, unknown>>;

const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  // Nothing of the text is read, and an entity that is never expanded cannot blow up.
  processEntities: false,
  parseTagValue: false,
  parseAttributeValue: false,
  maxNestedTags: deepestNesting,
  isArray: (_name, _path, _leaf, isAttribute) => !isAttribute,
});

/**
 * Counts the test cases of a JUnit XML report. The cases themselves are counted; where a suite claims more failures
 * and errors than its cases show (a suite may fail before any case), the claim counts. Documents with a DOCTYPE are
 * refused, since no report needs one. The error is a sentence without content of the report.
 */
export function countTests(xml: string): Result<TestCounts, string> {
  if (/<!(DOCTYPE|ENTITY)/i.test(xml)) return err('the report has a DOCTYPE, which is refused');
  let root: unknown;
  try {
    root = parser.parse(xml, true);
  } catch {
    return err(`the report is not well-formed XML, or nests deeper than ${deepestNesting} levels`);
  }
  // Some runners put cases right into the outermost element: it is counted as a suite like any other.
  const suites = [...children(root, 'testsuites'), ...children(root, 'testsuite')];
  if (suites.length === 0) return err('the report has no testsuites or testsuite element');
  const counts = suites.map(countSuite).reduce(add, none);
  return counts.failed + counts.skipped > counts.total
    ? err('the report contradicts itself: more tests failed and were skipped than there are')
    : ok(counts);
}

const none: TestCounts = { total: 0, failed: 0, skipped: 0 };
const add = (a: TestCounts, b: TestCounts): TestCounts => ({
  total: a.total + b.total,
  failed: a.failed + b.failed,
  skipped: a.skipped + b.skipped,
});

function countSuite(suite: Node): TestCounts {
  const cases = children(suite, 'testcase').map(countCase).reduce(add, none);
  const nested = children(suite, 'testsuite').map(countSuite).reduce(add, none);
  const shown = add(cases, nested);
  const unseen = Math.max(0, claimed(suite, 'failures') + claimed(suite, 'errors') - shown.failed);
  return { ...shown, total: shown.total + unseen, failed: shown.failed + unseen };
}

const countCase = (test: Node): TestCounts => {
  const failed = Object.hasOwn(test, 'failure') || Object.hasOwn(test, 'error');
  return { total: 1, failed: failed ? 1 : 0, skipped: !failed && Object.hasOwn(test, 'skipped') ? 1 : 0 };
};

function claimed(suite: Node, attribute: string): number {
  const value = suite[`@${attribute}`];
  return typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : 0;
}

function children(node: unknown, name: string): readonly Node[] {
  if (typeof node !== 'object' || node === null || !Object.hasOwn(node, name)) return [];
  const found: unknown = (node as Node)[name];
  const list: readonly unknown[] = Array.isArray(found) ? found : [found];
  // An element without attributes and children comes as a string.
  return list.map((child) => (typeof child === 'object' && child !== null ? (child as Node) : {}));
}
