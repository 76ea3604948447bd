import { ApiClient } from './client.ts';
import { type ConnectionOptions, resolveSettings } from './settings.ts';
import { say } from './terminal.ts';

/** A client for a command that only looks. */
export async function connect(options: ConnectionOptions): Promise<ApiClient> {
  return new ApiClient(await resolveSettings(options));
}

/** A client for a command that changes something: says first where. */
export async function connectToChange(options: ConnectionOptions): Promise<ApiClient> {
  const client = await connect(options);
  const { origin, url, project } = client.settings;
  say(`server: ${url} (${origin})${project === null ? '' : `, project ${project}`}`);
  return client;
}
