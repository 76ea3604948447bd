import { z } from 'zod';
import { BelayDocument } from '../../core/model/documents.ts';

/** The JSON Schema (draft 2020-12) of one document as people write it, out of the schemas that check it. */
export function belaySchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(BelayDocument, {
    io: 'input',
    unrepresentable: 'any',
    target: 'draft-2020-12',
    // A default that stands for something parsed (a duration) is left out of the input side; people want to know it.
    override: ({ zodSchema, jsonSchema }) => {
      const { def } = zodSchema._zod;
      if (def.type === 'default' && 'defaultValue' in def) jsonSchema.default ??= def.defaultValue as never;
    },
  });
  return {
    ...schema,
    $id: 'https://belay.dev/schemas/v1alpha1/belay.schema.json',
    title: 'Belay documents: Project, Environment, Pipeline',
  };
}
