/** How data is printed: a table for people, the same wider, the API's own object, or just names. */
export const outputFormats = ['json', 'yaml', 'wide', 'name'] as const;
export type OutputFormat = (typeof outputFormats)[number];
