import { fileURLToPath } from 'node:url';

const inChart = (path: string): string => fileURLToPath(new URL(`chart/${path}`, import.meta.url));

/** The server's Helm chart. */
export const chartFolder = inChart('');

/** Values that the chart can be rendered with, everything switched on. */
export const chartValues = inChart('ci/test-values.yaml');

/** What Helm makes of the chart with these values, kept for whoever has no Helm; a test compares it with the chart. */
export const renderedChart = inChart('ci/rendered.yaml');

/** How `renderedChart` is made: the arguments of helm. */
export const renderArguments: readonly string[] = [
  'template',
  'belay',
  chartFolder,
  '--namespace',
  'belay',
  '--kube-version',
  '1.34.0',
  '--values',
  chartValues,
];
