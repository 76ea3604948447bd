/** One look of `belay doctor`: what was looked at, what was found, and what mends it where it is not well. */
export interface Examined {
  readonly name: string;
  readonly status: 'passed' | 'failed' | 'skipped';
  readonly found: string;
  readonly fix: string | null;
}

export const passed = (name: string, found: string): Examined => ({
  name,
  status: 'passed',
  found,
  fix: null,
});
export const failed = (name: string, found: string, fix: string): Examined => ({
  name,
  status: 'failed',
  found,
  fix,
});
export const skipped = (name: string, found: string): Examined => ({
  name,
  status: 'skipped',
  found,
  fix: null,
});
