import { z } from 'zod';

/** One server: where it is, and what to say there. */
const Context = z.strictObject({
  url: z.url({ protocol: /^https?$/ }),
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  project: z.string().optional(),
});
export type Context = z.infer<typeof Context>;

/** The file of `configPath`. */
export const Config = z.strictObject({
  current: z.string().optional(),
  contexts: z.record(z.string(), Context).default({}),
});
export type Config = z.infer<typeof Config>;
