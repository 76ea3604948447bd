/** Why something was not accepted: a code of a closed set to act on, and a sentence for people. */
export interface Refusal<Code extends string> {
  readonly code: Code;
  readonly message: string;
}

/** Makes a refusal in the form of a failed `Result`. */
export const refuse = <Code extends string>(
  code: Code,
  message: string,
): { readonly ok: false; readonly error: Refusal<Code> } => ({ ok: false, error: { code, message } });
