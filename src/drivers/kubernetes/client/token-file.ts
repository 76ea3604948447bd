import { readFile } from 'node:fs/promises';
import { err, ok, type Result } from '../../../core/model/result.ts';

/** The kubelet rotates a mounted token long before it expires; a minute-old reading is fresh enough. */
const rememberedForMs = 60_000;

/** Reads a token from its file, again after a minute or when it was refused. `now` in milliseconds. */
export class TokenFile {
  readonly #path: string;
  readonly #now: () => number;
  #read: { readonly token: string; readonly at: number } | null = null;

  constructor(path: string, now: () => number) {
    this.#path = path;
    this.#now = now;
  }

  async token(): Promise<Result<string, string>> {
    if (this.#read !== null && this.#now() - this.#read.at < rememberedForMs) return ok(this.#read.token);
    try {
      const token = (await readFile(this.#path, 'utf8')).trim();
      if (token === '') return err(`the token file ${this.#path} is empty`);
      this.#read = { token, at: this.#now() };
      return ok(token);
    } catch (error) {
      return err(`the token file ${this.#path} cannot be read: ${(error as Error).message}`);
    }
  }

  forget(): void {
    this.#read = null;
  }
}
